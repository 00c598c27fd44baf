// Reading verifications for reports, exports and operators. The hot path's statements are verification.repository.ts.
import type { EntityManager } from '@mikro-orm/postgresql';
import type { Verification } from '../../domain/verification.ts';
import { VerificationEntity } from '../entities/verification.entity.ts';
import { rowsOf } from '../statement.ts';

export class ReportRepository {
  readonly #em: EntityManager;

  constructor(em: EntityManager) {
    this.#em = em;
  }

  /**
   * Our own newest success on the coupon that this verification asked for, by whatever names it: Douyin no longer lists
   * a used coupon, so there may be nothing but what the till scanned, or the order.
   */
  async findEarlierSuccess(
    of: Pick<Verification, 'id' | 'mode' | 'requestValue' | 'certificateId' | 'orderId'>,
  ): Promise<Verification | null> {
    const rows = await rowsOf(
      this.#em,
      `select * from verifications
       where id < ? and verify_status = 'success' and (
         (certificate_id <> '' and certificate_id = ?)
         or (md5(request_value) = md5(?) and request_value = ? and mode = ?)
         or (? = 'code' and origin_code <> '' and origin_code = ?)
         or (? = '' and order_id <> '' and order_id = ?)
       )
       order by id desc limit 1`,
      [
        of.id,
        of.certificateId,
        of.requestValue,
        of.requestValue,
        of.mode,
        of.mode,
        of.requestValue,
        of.certificateId,
        of.orderId,
      ],
    );
    return rows[0] ? this.#map(rows[0]) : null;
  }

  #map(columns: Record<string, unknown>): Verification {
    return this.#em.map(VerificationEntity, columns) as Verification;
  }
}
