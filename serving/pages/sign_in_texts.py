"""The texts of signing in and out, in both languages, under a name that the templates use."""

from features.text import Text

SIGN_IN: dict[str, Text] = {
    "sign_in": Text("Sign in", "登录"),
    "sign_in_text": Text(
        "Enter your access key. Whoever runs this service makes one with 'retinue keys create'.",
        "请输入访问密钥。服务管理员可用“retinue keys create”创建。",
    ),
    "sign_in_wrong": Text(
        "This key opens nothing: it is mistyped, expired or revoked. Enter it again, or ask for a new one.",
        "该密钥无效：输入有误、已过期或已吊销。请重新输入，或申请新的密钥。",
    ),
    "access_key": Text("Access key", "访问密钥"),
    "sign_out": Text("Sign out", "退出"),
}
