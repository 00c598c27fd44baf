// The first schema. Migrations are append-only: never edited after they were merged.
import { Migration } from '@mikro-orm/migrations';

export default class InitialSchema extends Migration {
  override up(): void {
    this.addSql(`
      create table apps (
        id bigint generated always as identity primary key,
        name text not null,
        code text not null,
        description text not null default '',
        client_key text not null,
        status text not null default 'active',
        allow_token_read boolean not null default false,
        poi_ids text[] not null default '{}',
        last_used_at timestamptz(3),
        created_at timestamptz(3) not null default now(),
        updated_at timestamptz(3) not null default now(),
        constraint apps__code unique (code),
        constraint apps__client_key unique (client_key),
        constraint apps__status check (status in ('active', 'disabled'))
      )`);
    this.addSql(`
      create table app_secrets (
        id bigint generated always as identity primary key,
        app_id bigint not null references apps (id),
        sealed_secret text not null,
        created_at timestamptz(3) not null default now(),
        ended_at timestamptz(3)
      )`);
    this.addSql(`create index app_secrets__live on app_secrets (app_id) where ended_at is null`);
    this.addSql(`
      create table request_nonces (
        client_key text not null,
        nonce text not null,
        expires_at timestamptz(3) not null,
        constraint request_nonces__client_key_nonce primary key (client_key, nonce)
      )`);
    this.addSql(`create index request_nonces__expires_at on request_nonces (expires_at)`);
    this.addSql(`
      create table verifications (
        id bigint generated always as identity primary key,
        app_id bigint not null references apps (id),
        app_name text not null,
        app_code text not null,
        poi_id text not null,
        mode text not null,
        request_value text not null,
        verify_token text not null,
        operator_id text not null default '',
        device_id text not null default '',
        note text not null default '',

        verify_status text not null default 'processing',
        step text not null default 'accepted',
        round integer not null default 1,
        round_started_at timestamptz(3) not null,
        reason text not null default '',
        error_code bigint not null default 0,
        error_description text not null default '',

        encrypted_data text not null default '',
        douyin_verify_token text not null default '',
        encrypted_code text not null default '',
        certificate_id text not null default '',
        origin_code text not null default '',
        coupon_status text not null default '',
        product_id text not null default '',
        product_name text not null default '',
        sku_id text not null default '',
        sku_name text not null default '',
        is_times_card boolean not null default false,
        times_used_before integer,
        verify_records_count integer not null default 0,
        verify_id text not null default '',
        order_id text not null default '',
        source_order_id text not null default '',
        ext_order_id text not null default '',
        order_status integer not null default 0,
        pay_amount bigint not null default 0,
        receipt_amount bigint not null default 0,
        discount_amount bigint not null default 0,
        enrichment_status text not null default 'pending',
        enrichment_retry_count integer not null default 0,
        enrichment_error text not null default '',
        douyin_response text,

        send_count integer not null default 0,
        open_send_count integer not null default 0,
        first_sent_at timestamptz(3),
        last_sent_at timestamptz(3),
        last_outcome text not null default '',
        last_outcome_kind text not null default '',
        used_by_verification_id bigint references verifications (id),

        expire_time timestamptz(3),
        verify_time timestamptz(3),
        create_order_time timestamptz(3),
        pay_time timestamptz(3),
        settled_at timestamptz(3),
        swept_at timestamptz(3),
        created_at timestamptz(3) not null default now(),
        updated_at timestamptz(3) not null default now(),

        constraint verifications__app_id_verify_token unique (app_id, verify_token),
        constraint verifications__mode check (mode in ('short_link', 'code', 'encrypted_code')),
        constraint verifications__verify_status check (verify_status in ('processing', 'success', 'failed')),
        constraint verifications__step check
          (step in ('accepted', 'prepared', 'sent', 'settled', 'unsettled', 'not_attempted')),
        constraint verifications__status_fits_step check (
          case step
            when 'settled' then verify_status in ('success', 'failed')
            when 'not_attempted' then verify_status = 'failed' and open_send_count = 0
            else verify_status = 'processing'
          end
        ),
        constraint verifications__sent_is_counted check
          (step not in ('sent', 'unsettled') or (send_count > 0 and first_sent_at is not null)),
        constraint verifications__counts check
          (send_count >= 0 and open_send_count between 0 and send_count and round >= 1 and enrichment_retry_count >= 0),
        constraint verifications__last_outcome_kind check
          (last_outcome_kind in ('', 'unanswered', 'in_review', 'refused')),
        constraint verifications__coupon_status check
          (coupon_status in ('', 'UNUSED', 'USED', 'REFUNDING', 'REFUNDED', 'EXPIRED', 'CANCELLED', 'UNKNOWN')),
        constraint verifications__enrichment_status check
          (enrichment_status in ('pending', 'success', 'stuck', 'skipped')),
        constraint verifications__money check (pay_amount >= 0 and receipt_amount >= 0 and discount_amount >= 0)
      ) with (fillfactor = 70)`);
    // One redemption at Douyin belongs to one verification of ours.
    this.addSql(
      `create unique index verifications__verify_id on verifications (verify_id) where verify_id <> ''`,
    );
    this.addSql(`create index verifications__created_at on verifications (created_at desc, id desc)`);
    this.addSql(
      `create index verifications__poi_id_created_at on verifications (poi_id, created_at desc, id desc)`,
    );
    this.addSql(
      `create index verifications__app_id_created_at on verifications (app_id, created_at desc, id desc)`,
    );
    this.addSql(
      `create index verifications__certificate_id on verifications (certificate_id) where certificate_id <> ''`,
    );
    this.addSql(
      `create index verifications__encrypted_code on verifications using hash (encrypted_code) where encrypted_code <> ''`,
    );
    this.addSql(`create index verifications__order_id on verifications (order_id) where order_id <> ''`);
    this.addSql(
      `create index verifications__open on verifications (swept_at nulls first) where verify_status = 'processing'`,
    );
    this.addSql(`
      create index verifications__open_enrichment on verifications (id)
        where verify_status = 'success' and enrichment_status in ('pending', 'stuck')`);
    this.addSql(`
      create table verification_events (
        id bigint generated always as identity primary key,
        verification_id bigint not null references verifications (id),
        happened_at timestamptz(3) not null,
        kind text not null,
        details jsonb not null default '{}'
      )`);
    this.addSql(
      `create index verification_events__verification_id on verification_events (verification_id, id)`,
    );
    this.addSql(`
      create table access_tokens (
        client_key text primary key,
        generation integer not null default 0,
        sealed_token text not null default '',
        obtained_at timestamptz(3),
        expires_at timestamptz(3),
        lease_owner text,
        lease_until timestamptz(3)
      )`);
    this.addSql(`
      create table audit_log (
        id bigint generated always as identity primary key,
        happened_at timestamptz(3) not null default now(),
        actor text not null,
        action text not null,
        target_type text not null,
        target_id text not null,
        before jsonb,
        after jsonb,
        request_id text not null
      )`);
    this.addSql(`create index audit_log__happened_at on audit_log (happened_at desc, id desc)`);
    this.addSql(`create index audit_log__target on audit_log (target_type, target_id, id desc)`);
  }
}
