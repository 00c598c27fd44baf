// What settling needs beside the first schema: Douyin's time of what was sent, sends that an operator has stopped, notes
// as codes, and the two claims by which a second coupon is not taken while a first one is in doubt (their indexes: next).
import { Migration } from '@mikro-orm/migrations';

export default class SettlementCore extends Migration {
  override up(): void {
    // Constant defaults and nullable columns: no row is rewritten, and the release before this one runs on beside them.
    this.addSql(`
      alter table verifications
        add column item_no integer not null default 1,
        add column item_count integer not null default 1,
        add column round_key text,
        add column reason_detail text,
        add column douyin_prepared_at timestamptz(3),
        add column douyin_first_sent_at timestamptz(3),
        add column are_sends_stopped boolean not null default false,
        add column last_note jsonb,
        add column order_claim text,
        add column certificate_claim text,
        add column cancel_status text not null default '',
        add column cancelled_at timestamptz(3),
        add constraint verifications__cancel_status
          check (cancel_status in ('', 'processing', 'cancelled', 'refused')) not valid,
        add constraint verifications__items check (item_no between 1 and item_count) not valid`);
  }
}
