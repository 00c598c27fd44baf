// When a verification was last looked up without being decided: a person's "failed" wants one that was begun after every
// send had arrived.
import { Migration } from '@mikro-orm/migrations';

export default class LookUps extends Migration {
  override up(): void {
    // Nullable: no row is rewritten. The release before this one writes none, and then the first decision asks for one.
    this.addSql('alter table verifications add column last_looked_up_at timestamptz(3)');
  }
}
