/** The broker cannot be reached, or did not answer in time; whether it stored the event is not known. */
export class BusUnavailable extends Error {
  override name = 'BusUnavailable';
}

/** An earlier event of the same entity failed, so this one was not tried. */
export class HeldBack extends Error {
  override name = 'HeldBack';
}
