// SPDX-License-Identifier: Apache-2.0
// How far a source of S3 is, in one blob: which keys are done, and the place in the object that is being read. It stands in
// the survivor region, for the time after a trap, and is what is kept for the time after a restart.
//
//   format (4) · flags (4) · owner (8) · ledger · the survivor's numbers from `first` on
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
  store<u64>(at, owner, 8);
  ledger.write(at + LEDGER_AT);
}

/** Notes the place in the object that is being read. */
export function writePlace(): void {
  memory.copy(placesAddress() + PLACE_AT, changetype<usize>(survivor) + PLACE_FROM, PLACE_SIZE);
}

/** Goes on from a blob; false when it is none of this owner. */
export function readJournal(from: usize, owner: u64, ledger: Ledger): bool {
  if (load<u32>(from) != FORMAT || load<u64>(from, 8) != owner || !ledger.read(from + LEDGER_AT)) return false;
  memory.copy(changetype<usize>(survivor) + PLACE_FROM, from + PLACE_AT, PLACE_SIZE);
  return true;
}
