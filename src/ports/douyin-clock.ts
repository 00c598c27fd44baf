// Douyin's time, for what is compared with the times that Douyin tells.

export interface DouyinClock {
  /**
   * Douyin's time now as this process knows it: a lower bound, from its latest answer and this process's monotonic
   * clock; null before the first answer.
   */
  now(): Date | null;
}
