"""What services say: offers, plans, answers, plug-ins."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["SERVICES"]

SERVICES: Mapping[str, str] = {
    "%now login asks for another": "%now 登录 可换一个",
    "--service tries one all the same: {known}": "仍想一试可用 --service：{known}",
    "-p cannot set {name}: it would pass by what is split, priced and agreed": "-p 不能设置 {name}：它会绕过拆分、计价和确认",
    "a mask needs a picture that it belongs to": "遮罩需要有对应的图片",
    "give fewer, or choose another model or service": "请少给一些，或换个模型或服务",
    "give the picture with -i": "请用 -i 给出图片",
    "it calls itself {name}, not as its entry point does": "它自称 {name}，与入口点的名字不符",
    "it cannot be loaded: {reason}": "无法加载：{reason}",
    "it is no service, but {kind}": "它不是服务，而是 {kind}",
    "leave --service out, or choose another model": "请去掉 --service，或换个模型",
    "make the mask for this picture with nj.mask": "请用 nj.mask 为这张图制作遮罩",
    "no service here is known to speak to {model}": "这里没有已知能调用 {model} 的服务",
    "nothing was sent; --service chooses another, %now doctor lists plug-ins": "什么都没有发送；可用 --service 另选服务，%now 体检 列出插件",
    "the mask has {mask} pixels and the picture {picture}: they have to be equal": "遮罩是 {mask} 像素，图片是 {picture}：两者必须相同",
    "the model is not known to take {option} {given}; known: {known}": "该模型未必支持 {option} {given}；已知：{known}",
    "the prompt has {given} characters, and the model is known to read {known}": "提示词有 {given} 个字符，已知该模型只读 {known} 个",
    "the relay answers in words instead of a picture: {words}": "中转站只回了文字，没有图片：{words}",
    "the relay refuses the key: {words}": "中转站拒绝该密钥：{words}",
    "the service gave no task": "服务没有给出任务",
    "the service {service} does nothing for {model}": "服务 {service} 不支持 {model}",
    "the service {service} has a fault: {fault}": "服务 {service} 有缺陷：{fault}",
    "the task failed: {reason}": "任务失败：{reason}",
    "the task is done, and there is no picture in it: {words}": "任务已完成，但里面没有图片：{words}",
    "there is a service of that name already": "已有同名服务",
    "use {option}": "请用 {option}",
    "word the prompt differently, or choose another model; look at the relay's log for what was billed": "请换个说法或换个模型；是否扣费请看中转站的日志",
    "{model} at {service} takes at most {most} inputs as {role}": "{model}（{service}）最多接受 {most} 个 {role} 输入",
    "{option} {given} becomes {used}": "{option} {given} 改为 {used}",
    "{option} {given} is left out: this service has nothing of the kind": "{option} {given} 未发送：该服务没有这种选项",
    "{option} {given} is sent, and known to get lost on the way": "{option} {given} 会发送，但已知途中会被丢弃",
    "an output will not come; the relay says: {words}": "有一项结果不会到来；中转站说：{words}",
    "the service names no source for an output": "服务没有给出某项结果的来源",
    "the service {service} failed: {problem}": "服务 {service} 出错：{problem}",
    "%now doctor tells more; what was paid for stays, and %now resume reads it again": "%now 体检 可查看详情；已付费的内容都保留，%now 找回 会重新读取",
    "the service {service} cannot be asked about its tasks": "无法向服务 {service} 查询任务",
    "{source} cannot be read into memory": "{source} 无法读入内存",
    "the answer is no longer kept": "原始应答已不在",
    "the picture that another one is cut from is not here": "用来裁切的原图不在这里",
    "the service waits for your decision: {needs} ({buttons})": "服务在等你决定：{needs}（{buttons}）",
    "%nowimage --button LABEL -i {ref} decides": "用 %nowimage --button 按钮 -i {ref} 来决定",
    "for {values} only": "仅用于 {values}",
}
