// What the page says, in its two languages. English texts that stand in the page are read from there.

const WORDS = {
  en: {
    loading: 'Preparing the QR code…',
    pending: 'Scan with WeChat to log in',
    number: 'Choose {} on your phone',
    reply: 'Reply {} in WeChat',
    tap: 'Confirm on your phone',
    confirmed: 'Logged in. Taking you there…',
    denied: 'Login was cancelled. Try again',
    expired: 'The QR code has expired. Click to refresh',
    lost: 'Connection lost. Reconnecting…',
    wechatAway: 'WeChat cannot be reached. Please try again',
    paused: 'Scan login is paused',
    tooMany: 'Too many people are logging in at the moment. Please try again',
    usedUp: 'Today’s QR codes are used up. Please try again later',
    usedUpHere: 'Too many QR codes asked for from here. Try again later',
    unavailable: 'The login service cannot answer. Please try again',
    refused: 'The login could not be started. Please try again',
    failed: 'The shop could not log you in. Try again',
    qr: 'QR code: scan it with WeChat to log in to Example Shop',
    hello: 'Welcome, {}',
    scanNothing: 'No code in view',
    scanning: 'Scanning…',
    me: 'known to the shop as {}',
    conversation: 'Conversation',
    hint: 'Point the camera at the QR code of the shop.',
    waiting: 'WeChat takes its time…',
    outOfOrder: 'The service of this account is out of order. Please try again later.',
    scanned: 'You scanned the shop’s QR code',
    followed: 'You follow Example Shop now',
    answered: 'Callback answered in {} ms',
    answeredTwice: 'Delivered twice, in {} ms',
    unknown: 'WeChat does not know this code.',
    old: 'This code has expired.',
    noNetwork: 'The phone has no network.',
    tapeLost: 'Reconnecting…',
    tapeEmpty: 'Nothing has happened yet.',
    afterCallback: '{} after the callback',
    hooksNone: 'Nothing yet.',
    killMore: 'and start it anew',
    killing: 'starting anew…',
    killed: 'away for {} s',
    cut: 'Daemon killed',
    cutBack: 'back after {}',
    closePage: 'Close the page',
    write: 'Write to the account',
    page: 'Page in WeChat',
    types: {},
  },
  zh: {
    tagline: '一次登录，全程可见：网站、手机、日志。',
    headline: '忙里偷闲，喝杯好茶',
    lead: '三款手采好茶，明日送达。',
    tea1: '明前绿茶',
    tea2: '炭焙乌龙',
    tea3: '陈年白茶',
    again: '刷新二维码',
    welcomeMore: '浏览器带来一次性授权码，由商店后台兑换；全程无需密码。',
    logout: '退出登录',
    hooks: '后台收到的 webhook',
    hooksNone: '还没有消息。',
    others: '更多网站',
    otherWidget: '使用组件',
    otherWidgetMore: '网站自己的页面，只用一个元素',
    otherOidc: '使用 OpenID Connect',
    otherOidcMore: '跳转到登录页，验证 id token',
    otherOriginal: '最初的页面',
    otherOriginalMore: '自己生成 id，用 SockJS 等待授权码',
    phones: '手机',
    phone1: '手机 1',
    phone2: '手机 2',
    scan: '扫一扫',
    faults: '制造故障',
    late: '延迟',
    lateMore: '扫码晚 3 秒通知',
    twice: '重复',
    twiceMore: '每次扫码通知两遍',
    second: '两部手机',
    secondMore: '两部手机同时扫码',
    kill: '终止进程',
    confirming: '手机确认',
    confirmingMore: '扫码后再按一下',
    chatting: '回复确认',
    chattingMore: '在对话里回复数字',
    closePage: '关闭页面',
    write: '写消息',
    send: '发送',
    page: '微信内的网页',
    away: '微信断线',
    awayMore: '只剩备好的二维码',
    journal: '日志',
    journalMore: '事件落盘后才出现，并注明距微信回调的时间。',
    loading: '正在准备二维码…',
    pending: '用微信扫一扫登录',
    number: '请在手机上选择 {}',
    reply: '请在微信里回复 {}',
    tap: '请在手机上确认登录',
    confirmed: '登录成功，正在跳转…',
    denied: '登录已取消。重新扫码',
    expired: '二维码已过期。点击刷新',
    lost: '网络中断，正在重连…',
    wechatAway: '微信暂时无法连接，请稍后再试',
    paused: '扫码登录已暂停',
    tooMany: '当前登录人数过多，请稍后再试',
    usedUp: '今天的二维码已用完，请稍后再试',
    usedUpHere: '你所在的网络获取二维码过多，请稍后再试',
    unavailable: '登录服务暂时无法响应，请稍后再试',
    refused: '无法开始登录，请重试',
    failed: '商店未能完成登录，请重试',
    qr: '二维码：用微信扫一扫登录 Example Shop',
    hello: '欢迎，{}',
    scanNothing: '没有可扫的二维码',
    scanning: '正在扫描…',
    me: '商店看到的是 {}',
    conversation: '对话',
    hint: '将镜头对准商店的二维码。',
    waiting: '微信稍后才会通知…',
    outOfOrder: '该公众号提供的服务出现故障，请稍后再试',
    scanned: '你扫描了商店的二维码',
    followed: '你已关注 Example Shop',
    answered: '回调应答用时 {} 毫秒',
    answeredTwice: '通知两遍，共 {} 毫秒',
    unknown: '微信不认识这个二维码。',
    old: '二维码已过期。',
    noNetwork: '手机没有网络。',
    tapeLost: '正在重连…',
    tapeEmpty: '还没有发生任何事。',
    afterCallback: '回调后 {}',
    killMore: '随即重新启动',
    killing: '正在重新启动…',
    killed: '离线 {} 秒',
    cut: '进程已终止',
    cutBack: '{} 后恢复',
    types: {
      created: '已创建',
      scanned: '已扫码',
      confirmed: '已确认',
      redeemed: '已兑换',
      denied: '已取消',
      expired: '已过期',
      revoked: '已撤销',
    },
  },
};
const listeners = [];
let language = 'en';

for (const element of document.querySelectorAll('[data-text]')) {
  WORDS.en[element.dataset.text] = element.textContent;
}

/** The text called `key`, with `value` where it has a gap. */
export function t(key, value) {
  const text = WORDS[language][key];
  return value === undefined ? text : text.replace('{}', value);
}

/** The language as BCP 47 writes it: the account answers in it. */
export function locale() {
  return language === 'zh' ? 'zh-CN' : 'en';
}

/** What an event's type is called. The journal's own word stays: programs see that one. */
export function typeName(type) {
  return WORDS[language].types[type];
}

/** Runs `listener` when the language changes. */
export function onLanguage(listener) {
  listeners.push(listener);
}

/** Says everything in this language. */
export function speak(next) {
  language = next;
  document.documentElement.lang = locale();
  document.getElementById('lang-zh').setAttribute('aria-pressed', String(next === 'zh'));
  document.getElementById('lang-en').setAttribute('aria-pressed', String(next === 'en'));
  for (const element of document.querySelectorAll('[data-text]')) {
    element.textContent = t(element.dataset.text);
  }
  for (const element of document.querySelectorAll('[data-label]')) {
    element.setAttribute('aria-label', t(element.dataset.label));
  }
  for (const listener of listeners) {
    listener();
  }
}
