// What the page says, in its two languages. `{}` is what is put in, in order.

const TEXTS = {
  en: {
    title: 'Logins, the last hour',
    zone: 'Times are those of this browser ({}). Every figure is of the last 60 minutes, unless it says otherwise.',
    live: 'Live', waiting: 'Connecting…', reading: 'Reading the last hour of the journal…', lost: 'Connection lost. Reconnecting…',
    full: 'Too many windows show the dashboard. Trying again…', paused: 'Paused at {}', pause: 'Pause', resume: 'Go on',
    token: 'Token', unlock: 'Show sessions', forget: 'Forget the token', wrongToken: 'That is not the token.',
    tooManyTokens: 'Too many wrong tokens from this address. Wait a moment, then try again.',
    noToken: 'Figures only: [admin] token_file is not configured.',
    units: { ms: '{} ms', s: '{} s', min: '{} min {} s', h: '{} h {} min' },
    numbers: 'The same in numbers', from: 'From', ago: '{} ago', never: 'not yet', of: '{} of {}',

    works: 'Does it work?', fast: 'Is it fast?', attacked: 'Is it attacked?',
    worksValue: '{} logins', worksNote: 'redeemed, of {} codes shown in 60 min',
    worksYes: 'It works', worksNobody: 'Nobody came in 60 min', worksNoEnd: 'Codes are shown, and no login ends',
    worksAway: 'WeChat is away: {}', worksFailed: 'The journal cannot be written', worksTurnedAway: 'Logins are turned away: {} in 5 min', worksLost: 'The daemon does not answer', notNow: 'Not known now',
    fastValue: '{}', fastNone: '–', fastNote: 'p99 from WeChat’s callback to the browser, p50 {}; {} messages in 60 min', fastNoteNone: 'no scan reached a browser in 60 min',
    fastYes: 'Fast', fastSlow: 'Slower than 100 ms', fastVerySlow: 'Slower than a second', fastUnknown: 'Nothing to measure',
    attackedValue: '{} refused', attackedNote: '{} of them in the last 5 min; {} logins denied on the phone in 60 min',
    attackedNo: 'Quiet', attackedYes: 'More is refused than usual', attackedPhone: 'Many deny on the phone',
    unknown: 'Not known yet',

    funnel: 'From the QR code to the login', funnelLead: 'What happened in the last 60 minutes. A login that began before counts where it went on.',
    created: 'Created', scanned: 'Scanned', confirmed: 'Confirmed', redeemed: 'Redeemed', denied: 'Denied', expired: 'Expired', revoked: 'Revoked',
    forgotten: 'Forgotten', subscribed: 'Subscribed', unsubscribed: 'Unsubscribed', pending: 'Waiting',
    perMinute: '{} a minute', ofCreated: '{} of created', allCreated: 'codes shown',
    ends: 'How logins ended otherwise, in 60 min', end: 'End', sessions: 'Sessions', share: 'Of created', deniedFor: 'Denied: {}',
    reasons: { user: 'declined on the phone', not_me: '“this wasn’t me”', number: 'wrong number', snapshot: 'WeChat’s snapshot mode', wrong_account: 'another person confirmed', browser: 'browser gave up', admin: 'ended by the operator' },
    mostInAMinute: 'most {} / min', most: 'most {}', total: '{} in 60 min', now: '{} now', perMinuteUnit: 'per minute',
    overTime: '{} over the last 60 minutes: {} in all, at most {} in one minute.', levelOverTime: '{} over the last 60 minutes: {} now, at most {}.',

    latency: 'How fast browsers hear of a scan', latencyLead: 'From the arrival of WeChat’s callback to the message leaving for the browser. Each column is a minute, each row a span of time; the stronger the colour, the more messages.',
    latencyTold: 'Distribution over the last 60 minutes: half within {}, 99 of 100 within {}, {} messages.', latencyNone: 'No scan has reached a browser in the last 60 minutes.',
    legendMedian: 'p50 of the minute', legendLate: 'p99 of the minute', legendCount: 'messages a minute: 1 to {}', messages: 'Messages',

    open: 'Sessions that go on', openLead: 'How many there were by the end of each minute.',
    standing: { created: 'Waiting to be scanned', scanned: 'Waiting to be confirmed', confirmed: 'Waiting to be redeemed' },
    refusals: 'What was refused', refusalsLead: 'Requests and scans that were turned away, by reason, in each minute. Every row has its own scale.',
    refusalsNone: 'Nothing was refused in the last 60 minutes.', others: 'all others',
    refused: {
      too_many_requests: 'too many requests', too_many_sessions: 'too many sessions', too_many_sessions_address: 'too many sessions of one address',
      memory_low: 'memory is used up', journal_behind: 'journal does not keep up', too_many_sockets: 'too few sockets', too_many_sockets_address: 'too many sockets of one address',
      too_many_page_ids: 'too many page ids of one address', unknown_client: 'unknown website', invalid_client: 'wrong client secret', foreign_origin: 'another site’s page',
      invalid_request: 'malformed request', paused: 'logins are turned off', wechat_away: 'WeChat is away', qr_budget: 'QR budget is used up',
      qr_budget_address: 'QR budget of one address', too_many_failures: 'too many wrong secrets', not_found: 'unknown address, scene or token', not_authentic: 'callback that is not WeChat’s',
      malformed: 'callback that cannot be read', token_missing: 'no token', page_id_refused: 'page id of another', scan_unknown: 'scan of an unknown code', scan_other_account: 'scan through another account',
      scan_other_scanner: 'second person scanned', scan_over: 'scan after the end', unavailable: 'journal or actor did not answer',
      temporarily_unavailable: 'no answer about a code', invalid_grant: 'code that cannot be redeemed', page_id_taken: 'page id used before',
      method_not_allowed: 'method that is not taken', invalid_login_link: 'wrong link to the login page'
    },

    wechat: 'WeChat', wechatLead: 'Each account as it is now; callbacks of the last 60 minutes.', account: 'Account', state: 'State', reachable: 'reachable', away: 'away, not asked',
    lastCalls: 'Last calls', callbacks: 'Callbacks, 60 min', budget: 'QR codes made today', prepared: 'Codes at hand', tokenUntil: 'Access token until',
    outcomes: { ok: 'ok', refused: 'refused', away: 'no answer' }, callback: { scan: 'scans', other: 'others', repeat: 'repeats', forged: 'forged', malformed: 'malformed', unavailable: 'not taken' },
    none: 'none',

    journal: 'The journal', journalLead: 'What is durable. A sync makes a group of events durable at once.', records: 'Records', grown: '+{} in 60 min', onDisk: 'On the disk', free: 'Free on its disk',
    syncTime: 'A sync takes', syncValue: 'p50 {}, p99 {}', inHour: '60 min', lastSync: 'Last sync', lastCheckpoint: 'Last checkpoint', waits: 'Appends that wait', restarts: 'Actors restarted', sinceStart: 'since the start',
    events: 'Newest events', eventsLead: 'As they become durable; the last 50.', eventsNone: 'Nothing has happened in the last 60 minutes.', openSession: 'Show the session of event {}',
    locked: 'Which sessions these were is shown to who has the token.',

    session: 'One session', sessionLead: 'Its history, by scene id or page id.', id: 'Scene id or page id', find: 'Find', notFound: 'The journal knows no such session, or its page id is too long ago.', failed: 'That did not work: {}',
    stage: '{} after {}', goesOn: 'goes on until {}', isOver: 'over', later: '{} later', atOnce: 'at the same time', close: 'Close',
    endIt: 'End this session', endSure: 'End it now', endNot: 'Let it go on', ended: 'The session is ended.', overBefore: 'It was over before.', shown: 'Session with {} events.'
  },
  'zh-CN': {
    title: '最近一小时的登录',
    zone: '时间按本浏览器的时区（{}）。未另作说明的数字都是最近 60 分钟的。',
    live: '实时', waiting: '正在连接…', reading: '正在读取最近一小时的日志…', lost: '连接中断，正在重连…',
    full: '打开此面板的窗口过多，正在重试…', paused: '已暂停于 {}', pause: '暂停', resume: '继续',
    token: '令牌', unlock: '显示会话', forget: '清除令牌', wrongToken: '令牌不正确。',
    tooManyTokens: '这个地址输错令牌的次数太多，请稍候再试。',
    noToken: '仅显示数字：未配置 [admin] token_file。',
    units: { ms: '{} 毫秒', s: '{} 秒', min: '{} 分 {} 秒', h: '{} 小时 {} 分' },
    numbers: '以数字显示', from: '开始', ago: '{}前', never: '尚无', of: '{} / {}',

    works: '正常吗？', fast: '快吗？', attacked: '受攻击吗？',
    worksValue: '{} 次登录', worksNote: '已兑换；60 分钟内展示了 {} 个二维码',
    worksYes: '正常', worksNobody: '60 分钟内无人登录', worksNoEnd: '有二维码展示，但没有登录完成',
    worksAway: '微信无法连接：{}', worksFailed: '日志无法写入', worksTurnedAway: '有登录被拒之门外：5 分钟内 {} 次', worksLost: '服务没有应答', notNow: '现在不知道',
    fastValue: '{}', fastNone: '–', fastNote: '从微信回调到浏览器的 p99，p50 为 {}；60 分钟内 {} 条消息', fastNoteNone: '60 分钟内没有扫码到达浏览器',
    fastYes: '快', fastSlow: '慢于 100 毫秒', fastVerySlow: '慢于 1 秒', fastUnknown: '没有可测量的',
    attackedValue: '拒绝 {} 次', attackedNote: '其中最近 5 分钟 {} 次；60 分钟内 {} 次登录在手机上被拒绝',
    attackedNo: '平静', attackedYes: '拒绝比平时多', attackedPhone: '手机上的拒绝很多',
    unknown: '尚不清楚',

    funnel: '从二维码到登录', funnelLead: '最近 60 分钟内发生的事。更早开始的登录，在它继续的那一步计数。',
    created: '已创建', scanned: '已扫码', confirmed: '已确认', redeemed: '已兑换', denied: '已拒绝', expired: '已过期', revoked: '已撤销',
    forgotten: '已遗忘', subscribed: '已关注', unsubscribed: '已取消关注', pending: '等待中',
    perMinute: '每分钟 {}', ofCreated: '占已创建 {}', allCreated: '展示的二维码',
    ends: '60 分钟内其他的结束方式', end: '结束', sessions: '会话', share: '占已创建', deniedFor: '拒绝：{}',
    reasons: { user: '在手机上取消', not_me: '“不是我”', number: '选错数字', snapshot: '微信快照模式', wrong_account: '确认的是另一个人', browser: '浏览器放弃', admin: '由运维结束' },
    mostInAMinute: '最多 {} / 分', most: '最多 {}', total: '60 分钟 {}', now: '现在 {}', perMinuteUnit: '每分钟',
    overTime: '{}，最近 60 分钟：共 {}，一分钟最多 {}。', levelOverTime: '{}，最近 60 分钟：现在 {}，最多 {}。',

    latency: '浏览器多快得知扫码', latencyLead: '从微信回调到达，到消息发往浏览器。每列是一分钟，每行是一段时长；颜色越强，消息越多。',
    latencyTold: '最近 60 分钟的分布：一半在 {} 内，百分之九十九在 {} 内，共 {} 条消息。', latencyNone: '最近 60 分钟没有扫码到达浏览器。',
    legendMedian: '每分钟 p50', legendLate: '每分钟 p99', legendCount: '每分钟消息数：1 到 {}', messages: '消息',

    open: '进行中的会话', openLead: '每分钟结束时的数量。',
    standing: { created: '等待扫码', scanned: '等待确认', confirmed: '等待兑换' },
    refusals: '被拒绝的', refusalsLead: '每分钟被拒绝的请求和扫码，按原因。每行有自己的刻度。',
    refusalsNone: '最近 60 分钟没有拒绝。', others: '其他',
    refused: {
      too_many_requests: '请求过多', too_many_sessions: '会话过多', too_many_sessions_address: '同一地址会话过多',
      memory_low: '内存用完', journal_behind: '日志跟不上', too_many_sockets: '套接字不足', too_many_sockets_address: '同一地址套接字过多',
      too_many_page_ids: '同一地址页面编号过多', unknown_client: '未知网站', invalid_client: '客户端密钥错误', foreign_origin: '其他网站的页面',
      invalid_request: '请求格式错误', paused: '登录已关闭', wechat_away: '微信无法连接', qr_budget: '二维码额度用完',
      qr_budget_address: '同一地址二维码额度', too_many_failures: '密钥错误过多', not_found: '未知地址、场景或令牌', not_authentic: '不是微信的回调',
      malformed: '无法读取的回调', token_missing: '没有令牌', page_id_refused: '别人的页面编号', scan_unknown: '扫了未知的码', scan_other_account: '经其他公众号扫码',
      scan_other_scanner: '第二个人扫码', scan_over: '结束后扫码', unavailable: '日志或进程未响应',
      temporarily_unavailable: '暂时无法答复登录码', invalid_grant: '登录码不能兑换', page_id_taken: '页面编号已用过',
      method_not_allowed: '不支持的方法', invalid_login_link: '登录页链接有误'
    },

    wechat: '微信', wechatLead: '各公众号现在的状态；回调为最近 60 分钟。', account: '公众号', state: '状态', reachable: '可连接', away: '无法连接，暂不请求',
    lastCalls: '最近的调用', callbacks: '回调，60 分钟', budget: '今天生成的二维码', prepared: '备用二维码', tokenUntil: 'Access token 到期',
    outcomes: { ok: '成功', refused: '拒绝', away: '无响应' }, callback: { scan: '扫码', other: '其他', repeat: '重复', forged: '伪造', malformed: '格式错误', unavailable: '未接受' },
    none: '无',

    journal: '日志', journalLead: '已落盘的内容。一次同步让一组事件同时落盘。', records: '记录', grown: '60 分钟 +{}', onDisk: '占用磁盘', free: '磁盘剩余',
    syncTime: '一次同步', syncValue: 'p50 {}，p99 {}', inHour: '60 分钟', lastSync: '上次同步', lastCheckpoint: '上次签名', waits: '等待写入', restarts: '重启的进程', sinceStart: '自启动起',
    events: '最新事件', eventsLead: '落盘即显示；最近 50 条。', eventsNone: '最近 60 分钟没有事件。', openSession: '显示事件 {} 的会话',
    locked: '具体是哪些会话，持有令牌者可见。',

    session: '单个会话', sessionLead: '按场景编号或页面编号查看历史。', id: '场景编号或页面编号', find: '查找', notFound: '日志中没有这个会话，或该页面编号太久远。', failed: '未成功：{}',
    stage: '{}，历时 {}', goesOn: '有效至 {}', isOver: '已结束', later: '{}后', atOnce: '同时', close: '关闭',
    endIt: '结束此会话', endSure: '立即结束', endNot: '让它继续', ended: '会话已结束。', overBefore: '它此前已结束。', shown: '会话，共 {} 个事件。'
  }
};

/** The page's language: the server has chosen it by what the browser asks for. */
export const lang = document.documentElement.lang === 'en' ? 'en' : 'zh-CN';

/** What is put in stands as it is: it may hold what looks like a place or like a pattern. */
const filled = (text, parts) => text.split('{}').map((piece, place) => piece + (place < parts.length ? parts[place] : '')).join('');

/** One text, with what is put in. */
export const say = (key, ...parts) => filled(TEXTS[lang][key], parts);

/** Figures in a unit. */
export const unit = (name, ...parts) => filled(TEXTS[lang].units[name], parts);

/** One of a group of names; the daemon's own word where there is none. */
export const name = (group, word) => TEXTS[lang][group][word] ?? word;
