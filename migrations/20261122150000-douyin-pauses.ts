// Keeps the pauses Douyin asks for ("too frequent"), for all processes and across restarts. At most a row per endpoint.
import { Migration } from '@mikro-orm/migrations';

export default class DouyinPauses extends Migration {
  override up(): void {
    this.addSql(`create table douyin_pauses (
      endpoint text primary key,
      priority smallint not null check (priority >= 0),
      error_code integer not null,
      length_ms integer not null check (length_ms > 0),
      paused_until timestamptz(3) not null
    )`);
  }
}
