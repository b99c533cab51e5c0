/** The passwords that every list of leaked ones begins with; all are at least eight characters long. */
const common = `password password1 password12 password123 passw0rd p@ssw0rd p@ssword 12345678 123456789 1234567890 11111111 00000000
  88888888 66666666 12341234 11223344 87654321 987654321 123123123 147258369 abcd1234 abc12345 a1234567 a12345678 1q2w3e4r
  1q2w3e4r5t 1qaz2wsx qwertyui qwerty12 qwerty123 qwertyuiop asdfghjk asdfghjkl zxcvbnm1 zxcvbnm123 q1w2e3r4 iloveyou iloveyou1
  sunshine princess football baseball superman starwars trustno1 whatever welcome1 welcome123 letmein1 letmein123 admin123
  administrator changeme changeme1 dragon123 monkey123 master123 michael1 jennifer jordan23 shadow12 internet computer
  woaini1314 woaini520 5201314520 1314520520 aa123456 aa12345678 qq123456 qq12345678 asd123456 zxc123456 abc123456 wang1234
  test1234 testtest secret123 hello123 charlie1 liverpool chelsea1 arsenal1 pokemon1 naruto123 samsung1 google123 facebook
  linkedin twitter1 whatsapp wechat123 taobao123 alipay123 beijing2008 shanghai1 china123 ticket123 onrush123`;

const set = new Set(common.split(/\s+/));

export const isCommonPassword = (password: string): boolean => set.has(password.toLowerCase());
