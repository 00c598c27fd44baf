// Of an order whose coupons are picked from a list only one verification at a time may be in doubt, and of a coupon.
import { Migration } from '@mikro-orm/migrations';

export default class ClaimsInDoubt extends Migration {
  /** Tills write while the indexes are built, however many records there are. */
  override isTransactional(): boolean {
    return false;
  }

  override async up(): Promise<void> {
    // A build waits for the transactions that were there before it; that wait is in no till's way.
    this.addSql('set lock_timeout = 0');
    for (const claim of ['order', 'certificate']) {
      const index = `verifications__${claim}_in_doubt`;
      // A build that was cut short left an invalid index behind. A valid one stays: the processes that run rely on it.
      const invalid = await this.execute(
        `select 1 from pg_index where indexrelid = to_regclass('${index}') and not indisvalid`,
      );
      if (invalid.length > 0) this.addSql(`drop index concurrently if exists ${index}`);
      this.addSql(`
        create unique index concurrently if not exists ${index} on verifications (${claim}_claim)
          where verify_status = 'processing' and open_send_count > 0 and ${claim}_claim is not null`);
    }
    this.addSql('reset lock_timeout');
  }
}
