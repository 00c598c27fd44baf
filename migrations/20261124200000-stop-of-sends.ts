// Why nothing is sent any more for a verification: what Douyin has said and what an operator has asked for are judged
// differently.
import { Migration } from '@mikro-orm/migrations';

export default class StopOfSends extends Migration {
  override up(): void {
    // Nullable: no row is rewritten. The release before this one goes on with are_sends_stopped, which stays written.
    this.addSql(`
      alter table verifications
        add column sends_stopped_by text,
        add constraint verifications__sends_stopped_by
          check (sends_stopped_by in ('said_used', 'shown_used', 'operator')) not valid`);
  }
}
