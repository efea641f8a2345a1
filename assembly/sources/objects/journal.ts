// SPDX-License-Identifier: Apache-2.0
// How far a source of S3 is, in one blob: which keys are done, and the place in the object that is being read. It stands in
// the survivor region, for the time after a trap, and is what is kept for the time after a restart.
//
//   format (4) · how often the ledger has changed (4) · owner (8) · ledger · the survivor's numbers from `first` on
import { MAX_NESTING, PLACES_SIZE, Survivor, placesAddress, survivor } from '../../survivor';
import { LEDGER_SIZE, Ledger } from './ledger';

const FORMAT: u32 = 1;
const LEDGER_AT: u32 = 16;
const PLACE_AT: u32 = LEDGER_AT + LEDGER_SIZE;
const PLACE_FROM: u32 = offsetof<Survivor>('first');
const PLACE_SIZE: u32 = offsetof<Survivor>() + MAX_NESTING * 8 - PLACE_FROM;

/** Bytes of the blob. */
export const JOURNAL_SIZE: u32 = PLACE_AT + PLACE_SIZE;
if (JOURNAL_SIZE > u32(PLACES_SIZE)) ERROR('the journal has no room in the survivor region');

/** The blob's address. */
export function journalAddress(): usize {
  return placesAddress();
}

/** `owner` tells what is read. */
export function writeJournal(owner: u64, ledger: Ledger): void {
  const at = placesAddress();
  store<u32>(at, FORMAT);
  store<u32>(at, load<u32>(at, 4) + 1, 4);
  store<u64>(at, owner, 8);
  ledger.write(at + LEDGER_AT);
}

/** Notes the place in the object that is being read. */
export function writePlace(): void {
  memory.copy(placesAddress() + PLACE_AT, changetype<usize>(survivor) + PLACE_FROM, PLACE_SIZE);
}

/** Whether the blob at hand is not older than one that was kept, which another replica may have brought further. */
export function isJournalNewer(kept: usize, keptLength: u32): bool {
  return keptLength != JOURNAL_SIZE || load<u32>(kept, 4) <= load<u32>(placesAddress(), 4);
}

/** Goes on from a blob; false when it is none of this owner. */
export function readJournal(from: usize, owner: u64, ledger: Ledger): bool {
  if (load<u32>(from) != FORMAT || load<u64>(from, 8) != owner || !ledger.read(from + LEDGER_AT))
    return false;
  store<u32>(placesAddress(), load<u32>(from, 4), 4);
  memory.copy(changetype<usize>(survivor) + PLACE_FROM, from + PLACE_AT, PLACE_SIZE);
  return true;
}
