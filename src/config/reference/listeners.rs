use super::{Form, SectionReference, default, optional, required, words, words_of};
use crate::config::LogFormat;

pub(super) const SERVER: SectionReference = SectionReference {
    kind: "server",
    header: "[server]",
    is_shown: true,
    about: words_of("The public listener.", "对外的监听端口。"),
    keys: &[
        required(
            "public_url",
            Form::Url,
            "\"https://login.example.com\"",
            "What browsers, phones and WeChat use. It may carry a path. https, or http on loopback (warned of).",
            "浏览器、手机和微信访问的网址，可以带路径。必须是 https；本机回环地址可用 http（会警告）。",
        ),
        default("listen", Form::Address, "\"127.0.0.1:8080\"", "Where it listens.", "监听的地址。"),
        default(
            "trusted_proxies",
            Form::List(words_of("list of addresses and networks", "地址或网段的列表")),
            "[]",
            "Whose X-Forwarded-For counts: the rightmost address that is not among them is the visitor's.",
            "信任哪些代理的 X-Forwarded-For：从右往左第一个不在其中的地址就是访客的地址。",
        ),
        default(
            "max_sessions",
            Form::Number,
            "1000000",
            "Most logins that wait at once, 1 or more; past it 503 with Retry-After.",
            "同时等待的登录最多多少个，至少 1；超过则回 503 和 Retry-After。",
        ),
        default(
            "logins",
            Form::Boolean,
            "true",
            "The kill switch: with false no login begins, and those that go on end. SIGHUP throws it, too.",
            "总开关：设为 false 后不再开始任何登录，进行中的登录也会终止。发送 SIGHUP 即可生效。",
        ),
        default(
            "verify_dir",
            Form::Path,
            "\"verify\"",
            "The folder of WeChat's MP_verify_*.txt files, which are served at the host's root.",
            "存放微信 MP_verify_*.txt 文件的目录；这些文件在域名根路径下提供。",
        ),
        optional(
            "place_database",
            Form::Path,
            "\"places.mmdb\"",
            "A database of MaxMind's format: the phone's page then tells where the login is asked for.",
            "MaxMind 格式的地址库：有了它，手机页面会显示登录请求来自哪里。",
        ),
        optional(
            "tls_certificate_file",
            Form::Path,
            "\"certificate.pem\"",
            "The certificate that the listener shows, with its chain, in PEM. With it and tls_key_file the listener speaks TLS.",
            "监听端口出示的证书及其证书链，PEM 格式。与 tls_key_file 一起给出时，监听端口使用 TLS。",
        ),
        optional(
            "tls_key_file",
            Form::Path,
            "\"certificate.key\"",
            "The certificate's private key, in PEM, without a passphrase. SIGHUP reads both files again.",
            "证书的私钥，PEM 格式，不带口令。收到 SIGHUP 时两个文件都会重新读取。",
        ),
    ],
};

pub(super) const LOG: SectionReference = SectionReference {
    kind: "log",
    header: "[log]",
    is_shown: true,
    about: words_of("What the daemon writes to standard error.", "运行日志：服务写到标准错误的内容。"),
    keys: &[
        default(
            "format",
            Form::Word(words::<LogFormat>),
            "\"pretty\"",
            "\"pretty\" for eyes, \"json\" for programs: an object a line.",
            "\"pretty\" 给人看；\"json\" 给程序读，每行一个对象。",
        ),
        default(
            "filter",
            Form::Text,
            "\"info\"",
            "A level, or directives for parts of the program: \"info,scan_login::store=debug\". RUST_LOG counts in its place where it is set.",
            "日志级别，或按程序部分分别指定：\"info,scan_login::store=debug\"。设置了 RUST_LOG 时以 RUST_LOG 为准。",
        ),
    ],
};

pub(super) const LIMITS: SectionReference = SectionReference {
    kind: "limits",
    header: "[limits]",
    is_shown: true,
    about: words_of(
        "How much of what. Each is a bucket that holds the whole figure at once; IPv6 counts by /64; \"off\" disables it.",
        "各种限额。每一项都是一次可以用满的令牌桶；IPv6 按 /64 计；\"off\" 表示不限。",
    ),
    keys: &[
        default(
            "sessions_per_address",
            Form::Rate,
            "\"600/min\"",
            "Logins that one address may begin.",
            "一个地址可以开始多少次登录。",
        ),
        default(
            "sessions_per_browser",
            Form::Rate,
            "\"30/min\"",
            "Logins that one browser may begin; one without our cookie counts by its address only.",
            "一个浏览器可以开始多少次登录；没有我们 cookie 的浏览器只按地址计。",
        ),
        default(
            "failed_client_authentications",
            Form::Rate,
            "\"20/min\"",
            "Wrong client credentials that one address may send.",
            "一个地址可以出错多少次网站凭证。",
        ),
        default(
            "unclaimed_page_ids",
            Form::NumberOrOff,
            "32",
            "Ids of the original page that one address may hold without having claimed them.",
            "一个地址最多可占用多少个尚未认领的原始页面 id。",
        ),
    ],
};

pub(super) const ADMIN: SectionReference = SectionReference {
    kind: "admin",
    header: "[admin]",
    is_shown: true,
    about: words_of(
        "The operator's listener (/healthz, /readyz, /metrics and the dashboard), and the socket of the program's own commands.",
        "运维用的监听端口（/healthz、/readyz、/metrics 和仪表盘），以及本程序各命令所用的套接字。",
    ),
    keys: &[
        default(
            "listen",
            Form::Address,
            "\"127.0.0.1:9090\"",
            "Where it listens. An address beyond loopback needs a token_file.",
            "监听的地址。回环以外的地址必须设置 token_file。",
        ),
        default(
            "socket",
            Form::Path,
            "\"data/admin.sock\"",
            "What the program's own commands use, for this user and root only.",
            "本程序各命令使用的套接字，只有本用户和 root 可用。",
        ),
        optional(
            "token_file",
            Form::Path,
            "\"admin-token\"",
            "The file of the dashboard's token, 22 characters or more. Without one it shows counters only.",
            "存放仪表盘令牌的文件，令牌至少 22 个字符。没有它，仪表盘只显示计数。",
        ),
        default(
            "hosts",
            Form::List(words_of("list of names", "主机名的列表")),
            "[]",
            "Host headers that are taken besides loopback names.",
            "除回环名称外还接受哪些 Host 头。",
        ),
    ],
};
