// All planted bugs. Each file of `bugs/` holds those of one part of the gateway.
import { CORE_BUGS } from './bugs/core.ts';
import { DATABASE_BUGS } from './bugs/database.ts';
import { DOMAIN_BUGS } from './bugs/domain.ts';
import { DOUYIN_BUGS } from './bugs/douyin.ts';
import { HTTP_BUGS } from './bugs/http.ts';
import { SERVICE_BUGS } from './bugs/services.ts';
import type { Mutant } from './mutant.ts';

export const MUTANTS: readonly Mutant[] = [
  ...CORE_BUGS,
  ...DOMAIN_BUGS,
  ...DOUYIN_BUGS,
  ...SERVICE_BUGS,
  ...DATABASE_BUGS,
  ...HTTP_BUGS,
];
