/**
 * Of at least ten characters, from what people choose most: the shorter ones are refused by their length.
 * Compared without letter case, and with every run of one letter or a simple row refused by rule.
 */
const COMMON = new Set(
  `
  1q2w3e4r5t 1q2w3e4r5t6y 1qaz2wsx3edc qwertyuiop qwerty12345 qwerty123456 qwerty1234 qwertyuiop123 password12
  password123 password1234 password12345 password123456 password1! password123! passw0rd123 passw0rd1234
  p@ssw0rd123 p@ssword123 iloveyou12 iloveyou123 iloveyou1234 iloveyousomuch letmein123 letmein1234 welcome123
  welcome1234 welcome123! administrator administrator1 admin12345 admin123456 admin1234567 changeme123
  changemenow changeme1234 superman123 batman1234 football123 baseball123 basketball sunshine123 princess123
  dragon1234 monkey1234 shadow1234 master1234 michael123 jennifer123 jordan2323 liverpool1 liverpool123
  manchester manunited1 chelsea123 arsenal123 barcelona1 barcelona123 realmadrid starwars123 pokemon123
  minecraft1 minecraft123 computer123 internet123 samsung123 google1234 facebook123 telegram123 telegram1234
  telegate12 telegate123 telegate1234 trustno1234 whatever123 freedom123 summer2024 summer2025 summer2026
  winter2024 winter2025 winter2026 spring2025 spring2026 autumn2025 autumn2026 q1w2e3r4t5 q1w2e3r4t5y6
  zaq12wsxcde zaq1zaq1zaq1 asdfghjkl1 asdfghjkl123 asdfghjkl; zxcvbnm123 zxcvbnm1234 zxcvbnm,./ abc1234567
  abcd123456 abcd12345678 abc123abc123 a123456789 a1234567890 aa123456789 123456789a 1234567890a 12345678910
  123456789abc 123123123a qweasdzxc123 qazwsxedc1 qazwsxedc123 qazwsxedcrfv correcthorsebatterystaple
  christopher alexander1 elizabeth1 charlotte1 mypassword mypassword1 mypassword123 thisismypassword
  secret1234 secretpassword nopassword1 newpassword newpassword1 newpassword123 testtest123 test123456
  test1234567 testpassword test12345678 guest12345 default123 letmeinplease opensesame1 unbelievable
  `
    .trim()
    .split(/\s+/),
);

const ROWS = ['abcdefghijklmnopqrstuvwxyz', '01234567890123456789', 'qwertyuiopasdfghjklzxcvbnm'];

/** Why everybody would try this password first; undefined for one that is nobody's first guess. */
export function whyGuessable(password: string, email: string): string | undefined {
  const folded = password.toLowerCase();
  const account = email.split('@')[0]!;
  if (folded === email || (account.length >= 4 && folded.replace(/[\d\W_]+$/, '') === account))
    return 'is the e-mail address; send another';
  if (COMMON.has(folded)) return 'is one of the most used passwords; send another';
  if (isRepetition(folded)) return 'is one short text repeated; send another';
  if (ROWS.some((row) => row.includes(folded) || reversed(row).includes(folded)))
    return 'is a row of the keyboard or the alphabet; send another';
  return undefined;
}

/** One to four characters, again and again. */
function isRepetition(text: string): boolean {
  return /^(.{1,4}?)\1{2,}.{0,3}$/su.test(text);
}

function reversed(text: string): string {
  return Array.from(text).toReversed().join('');
}
