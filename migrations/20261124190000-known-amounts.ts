// Whether a verification's own amount is known: 0 is shown for one that is not, and reports count those.
import { Migration } from '@mikro-orm/migrations';

export default class KnownAmounts extends Migration {
  override up(): void {
    // Nullable: no row is rewritten, and the release before this one, which does not say, runs on beside it.
    this.addSql(`alter table verifications add column is_amount_known boolean`);
  }
}
