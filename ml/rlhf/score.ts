/** The reward of every text, or a failure that names the text. */
export { checkedScores as scoreTexts } from '../rewards/checked.ts';
