// What the panel says. A line in two parts ends in a button. `{}` is the number.

const TEXTS = {
  'zh-CN': {
    loading: ['正在准备二维码…'],
    pending: ['用微信扫一扫登录'],
    number: ['请在手机上选择 {}'],
    reply: ['请在微信里回复 {}'],
    tap: ['请在手机上确认登录'],
    confirmed: ['登录成功，正在跳转…'],
    elsewhere: ['已在另一个标签页登录。', '在这里重新登录'],
    denied: ['登录已取消。', '重新扫码'],
    expired: ['二维码已过期。', '点击刷新'],
    lost: ['网络中断，正在重连…'],
    away: ['微信暂时无法连接，请稍后再试'],
    busy: ['现在登录的人太多，稍后会自动重试'],
    paused: ['扫码登录已暂停'],
    refused: ['这里暂时不能登录'],
    retry: '现在重试',
    picture: '微信登录二维码',
    timeLeft: '剩余时间',
    phone: '在这台手机上登录：保存二维码图片，打开微信“扫一扫”，从相册中选择它。',
    wechat: '在微信里：长按二维码，选择“识别图中的二维码”。',
    save: '保存二维码图片',
    here: '在这个微信里登录',
    goOn: '继续确认',
    comeBack: '确认后请返回本页。',
    back: '返回 {}',
    leaving: '8 秒后自动返回 {}。',
    missing: '登录组件还缺少：',
    origin: '这个网页的来源不在该网站的 origins 之中：'
  },
  en: {
    loading: ['Preparing the QR code…'],
    pending: ['Scan with WeChat to log in'],
    number: ['Choose {} on your phone'],
    reply: ['Reply {} in WeChat'],
    tap: ['Confirm on your phone'],
    confirmed: ['Logged in. Taking you there…'],
    elsewhere: ['Logged in, in another tab. ', 'Log in here again'],
    denied: ['Login was cancelled. ', 'Try again'],
    expired: ['The QR code has expired. ', 'Click to refresh'],
    lost: ['Connection lost. Reconnecting…'],
    away: ['WeChat cannot be reached. Please try again'],
    busy: ['Too many people are logging in. We will try again shortly'],
    paused: ['Scan login is paused'],
    refused: ['You cannot log in here at the moment'],
    retry: 'Try again now',
    picture: 'QR code to log in with WeChat',
    timeLeft: 'Time left',
    phone: 'On this phone: save the picture, open Scan in WeChat, and choose it from your album.',
    wechat: 'In WeChat: press and hold the QR code, then choose “Extract QR Code”.',
    save: 'Save the QR code',
    here: 'Log in with this WeChat',
    goOn: 'Go on to confirm',
    comeBack: 'Come back here when you have confirmed.',
    back: 'Back to {}',
    leaving: 'Going back to {} in 8 seconds.',
    missing: 'This login still needs: ',
    origin: 'This page’s origin is not among the client’s origins: '
  }
};

/** The texts for the first of these language tags that we speak; Chinese where we speak none. */
const textsFor = (tags) => {
  const primary = tags.map((tag) => tag.toLowerCase().split('-')[0]);
  const known = primary.filter((tag) => tag === 'zh' || tag === 'en')[0];
  return known === 'en' ? { lang: 'en', words: TEXTS.en } : { lang: 'zh-CN', words: TEXTS['zh-CN'] };
};
