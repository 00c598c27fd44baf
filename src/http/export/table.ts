// A table on its way to a file, in batches of rows. The formats are csv.ts and xlsx.ts.

export type Cell = string | number | null;

export interface Table {
  readonly columns: readonly string[];
  /** Rows in the columns' order; only one batch is in memory. */
  readonly batches: AsyncIterable<readonly (readonly Cell[])[]>;
}
