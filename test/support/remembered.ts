// SPDX-License-Identifier: Apache-2.0
/** The fields that only events have which a source of ours brought: it knows what came before, and where from. */
export const OF_OWN_EVENTS = /^ka\.(provider|user\.(first_seen|denied_recently)|target\.pod\.(?!name))/;
