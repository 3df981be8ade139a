"""The sandbox's only page: says to whoever opens it what this is."""

from typing import Final

PAGE: Final = """<!doctype html>
<html lang="zh-CN">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>微信沙箱</title>
<style>
body { font: 16px/1.8 system-ui, sans-serif; max-width: 40rem; margin: 3rem auto; padding: 0 1rem; color: #222 }
h1 { font-size: 1.5rem } code { background: #f1f3f4; padding: .1rem .4rem; border-radius: .3rem }
li { margin: .3rem 0 }
@media (prefers-color-scheme: dark) { body { background: #181a1b; color: #ddd } code { background: #2a2d2f } }
</style>
<h1>微信沙箱</h1>
<p>您好！这里是本机的“小微信”，专供演示和测试：登录、手机号、订阅消息、小程序码都由它来应答，不会连到真正的微信，也不会有人收到真的消息。</p>
<p>想扮演一位店主，可以这样做：</p>
<ul>
<li><code>POST /sandbox/members</code> 新建一位微信用户</li>
<li><code>POST /sandbox/codes</code> 替他点“登录”或“手机号”，拿到一次性的 code</li>
<li><code>POST /sandbox/grants</code> 替他同意或拒绝一次订阅消息</li>
<li><code>GET /sandbox/messages?openid=</code> 看看他收到了哪些消息</li>
<li><code>GET /sandbox/calls</code> 看看最近有哪些调用</li>
<li><code>POST /sandbox/faults</code>、<code>POST /sandbox/clock</code> 模拟故障、拨快时钟</li>
</ul>
<p>正式环境里没有这个页面。祝您玩得开心！</p>
</html>
"""
