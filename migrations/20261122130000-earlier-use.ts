// Finds our own earlier redemption of a coupon that Douyin no longer lists: by what the till scanned, or by plain code.
import { Migration } from '@mikro-orm/migrations';

export default class EarlierUse extends Migration {
  override up(): void {
    // Hashed: a short link may be longer than an index entry.
    this.addSql(
      `create index verifications__request_value on verifications (md5(request_value)) where verify_status = 'success'`,
    );
    this.addSql(
      `create index verifications__origin_code on verifications (origin_code) where origin_code <> ''`,
    );
  }
}
