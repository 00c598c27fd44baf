// Who asked for a change, for the audit log. Types only.

export interface Actor {
  /** The acting user's id as the company's gateway told it, or the name of the gateway's own part. */
  readonly uid: string;
  readonly requestId: string;
}
