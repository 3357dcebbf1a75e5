use super::{Form, SectionReference, default, optional, words, words_of};
use crate::config::Engine;

pub(super) const KEYS: SectionReference = SectionReference {
    kind: "keys",
    header: "[keys]",
    is_shown: true,
    about: words_of(
        "What must not stand in the journal. Back it up apart from the store.",
        "不放进事件日志的东西。请与存储分开备份。",
    ),
    keys: &[
        default(
            "path",
            Form::Path,
            "\"keys\"",
            "The folder of the keys, made at the first start with mode 0700; never below [store] path.",
            "密钥目录，首次启动时建立，权限 0700；不能在 [store] path 之下。",
        ),
        optional(
            "checkpoint_key_file",
            Form::Path,
            "\"/etc/scan-login/checkpoint.key\"",
            "The key that signs the journal's checkpoints; never below [store] path. Without it: checkpoint.key in path.",
            "给事件日志的检查点签名的密钥；不能在 [store] path 之下。不写则为 path 里的 checkpoint.key。",
        ),
    ],
};

pub(super) const STORE: SectionReference = SectionReference {
    kind: "store",
    header: "[store]",
    is_shown: true,
    about: words_of("The journal: the only source of truth.", "事件日志：唯一的事实来源。"),
    keys: &[
        default(
            "engine",
            Form::Word(words::<Engine>),
            "\"sled\"",
            "What keeps it: \"sled\" is embedded; \"jetstream\" is not built in this version.",
            "用什么保存：\"sled\" 是内嵌的；\"jetstream\" 在此版本中还没有。",
        ),
        default("path", Form::Path, "\"data\"", "Its folder, of one process alone.", "所在目录，只归一个进程所有。"),
        default(
            "retention",
            Form::DurationOrOff,
            "\"180d\"",
            "How long events are kept. Less than 180 days is warned of (Cybersecurity Law, Article 21), and so is \"off\" (PIPL, Article 19).",
            "事件保存多久。少于 180 天会警告（《网络安全法》第二十一条），\"off\" 也会警告（《个人信息保护法》第十九条）。",
        ),
        default(
            "lock_wait",
            Form::Duration,
            "\"30s\"",
            "How long a start waits for another process to give the folder up.",
            "启动时等待另一个进程释放该目录多久。",
        ),
    ],
};

pub(super) const SESSION: SectionReference = SectionReference {
    kind: "session",
    header: "[session]",
    is_shown: true,
    about: words_of("How long things live.", "各种东西的有效期。"),
    keys: &[
        default(
            "ttl",
            Form::Duration,
            "\"5m\"",
            "How long a QR code may be scanned and confirmed, 1s to 29d.",
            "二维码可以扫描和确认多久，1s 到 29d。",
        ),
        default(
            "code_ttl",
            Form::Duration,
            "\"60s\"",
            "How long the website may take to redeem a confirmed login, longer than zero; then it expires.",
            "确认之后网站最多多久来兑换，须大于零；过后即失效。",
        ),
        default(
            "access_token_ttl",
            Form::Duration,
            "\"10m\"",
            "How long an access token lives, longer than zero.",
            "access token 的有效期，须大于零。",
        ),
        default(
            "max_renewals",
            Form::Number,
            "3",
            "QR codes that are renewed without a gesture of the visitor, 0 or more; none while the page is hidden.",
            "访客没有操作时二维码自动更新多少次，0 或以上；页面隐藏时不更新。",
        ),
    ],
};
