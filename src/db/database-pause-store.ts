// The pause store port on the table `douyin_pauses`: one clock for all processes, the database's.
import type { MikroORM } from '@mikro-orm/postgresql';
import { type RawBuilder, sql } from 'kysely';
import type { PauseStore, StoredPause } from '../ports/pause-store.ts';
import { toAppError } from './constraint-errors.ts';
import { queryRows } from './rows.ts';

const COLUMNS = sql`endpoint, priority, error_code,
  floor(extract(epoch from paused_until - clock_timestamp()) * 1000) as remaining_ms`;

export function createDatabasePauseStore(orm: MikroORM): PauseStore {
  const run = async (statement: RawBuilder<unknown>): Promise<readonly StoredPause[]> => {
    try {
      return (await queryRows(orm.em.fork(), statement)).map(toPause);
    } catch (err) {
      throw toAppError(err);
    }
  };
  return {
    list: () => run(sql`select ${COLUMNS} from douyin_pauses where paused_until > clock_timestamp()`),

    async extend({ endpoint, priority, errorCode, firstMs, longestMs }) {
      const milliseconds = sql`* interval '1 millisecond'`;
      const [pause] = await run(
        sql`insert into douyin_pauses as held (endpoint, priority, error_code, length_ms, paused_until)
         values (${endpoint}, ${priority}, ${errorCode}, ${firstMs}, clock_timestamp() + ${firstMs} ${milliseconds})
         on conflict (endpoint) do update set
           (priority, error_code, length_ms, paused_until) = (
             select
               case when is_under_way then least(held.priority, excluded.priority) else excluded.priority end,
               case when is_under_way then held.error_code else excluded.error_code end,
               next_ms,
               case when is_under_way then held.paused_until else clock_timestamp() + next_ms ${milliseconds} end
             from (
               select
                 held.paused_until > clock_timestamp() as is_under_way,
                 case
                   when held.paused_until > clock_timestamp() then held.length_ms
                   when held.paused_until + held.length_ms ${milliseconds} > clock_timestamp() then least(held.length_ms * 2, ${longestMs}::integer)
                   else excluded.length_ms
                 end as next_ms
             ) as judged
           )
         returning ${COLUMNS}`,
      );
      if (!pause) throw new Error('An upsert returned no row');
      return pause;
    },
  };
}

function toPause(row: Record<string, unknown>): StoredPause {
  return {
    endpoint: row['endpoint'] as string,
    priority: Number(row['priority']),
    errorCode: Number(row['error_code']),
    remainingMs: Number(row['remaining_ms']),
  };
}
