// What the textbook's client, worker and workflow agree on. Types and names only.

export const TEXTBOOK_QUEUE = 'bench-textbook';
export const TEXTBOOK_WORKFLOW = 'TextbookVerify';

export interface TextbookInput {
  readonly shortLink: string;
  readonly poiId: string;
}

export interface PreparedForTextbook {
  readonly douyinVerifyToken: string;
  readonly encryptedCode: string;
}

export interface TextbookActivities {
  resolve(shortLink: string): Promise<string>;
  prepare(input: { readonly encryptedData: string; readonly poiId: string }): Promise<PreparedForTextbook>;
  /** @returns the kind of Douyin's verdict */
  verify(input: PreparedForTextbook & { readonly poiId: string }): Promise<string>;
}
