"""The rules for a template's fields, on our side and on the sandbox's, written apart and compared."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wechat.errors import Unsendable
from wechat.fields import field_value
from wechat.sandbox.fields import accepts

GOOD = [
    ("thing1", "可口的气泡水 500ml×12"),
    ("thing12", "一二三四五六七八九十一二三四五六七八九十"),
    ("number1", "0"),
    ("number2", "-12.50"),
    ("number3", "1" * 32),
    ("letter1", "abcXYZ"),
    ("symbol1", "!?~"),
    ("character_string1", "LK-2025/06#01"),
    ("character_string2", "x" * 32),
    ("time1", "15:01"),
    ("time2", "9:05"),
    ("time3", "2019年10月1日 15:01"),
    ("time4", "08:00~10:30"),
    ("date1", "2019年10月1日"),
    ("date2", "2024年02月29日 23:59"),
    ("date3", "2019年10月1日~2019年10月7日"),
    ("amount1", "12"),
    ("amount2", "¥1234567890.55元"),
    ("phone_number1", "+86-0766-66888866"),
    ("phone_number2", "13800138000"),
    ("car_number1", "粤A8Z888挂"),
    ("name1", "张三"),
    ("name2", "一二三四五六七八九十"),
    ("name3", "Anne-Marie O'Neil Jr"),
    ("phrase1", "已发货"),
    ("phrase2", "一二三四五"),
    ("enum1", "待付款"),
]
BAD = [
    ("thing1", ""),
    ("thing1", " \n\t "),
    ("thing", "好"),
    ("things1", "好"),
    ("Thing1", "好"),
    ("thing1.value", "好"),
    ("thing１", "好"),
    ("", "好"),
    ("number1", ""),
    ("number1", "1" * 33),
    ("number1", "1,000"),
    ("number1", "１２"),
    ("number1", "."),
    ("letter1", "abc1"),
    ("letter1", "a" * 33),
    ("symbol1", "!a"),
    ("symbol1", "🇦"),
    ("symbol1", "≈"),
    ("symbol1", "!!!!!!"),
    ("character_string1", "订单1"),
    ("character_string1", "x" * 33),
    ("character_string1", "a\nb"),
    ("time1", "24:00"),
    ("time1", "15:60"),
    ("time1", "15"),
    ("time1", "2019年10月1日"),
    ("time1", "15:01~"),
    ("time1", "1:00~2:00~3:00"),
    ("date1", "2019年2月30日"),
    ("date1", "2023年02月29日"),
    ("date1", "2019年13月1日"),
    ("date1", "2019年10月0日"),
    ("date1", "2019年10月1日15:01"),
    ("date1", "15:01"),
    ("date1", "2019-10-01"),
    ("amount1", "12345678901"),
    ("amount1", "¥"),
    ("amount1", "12.345"),
    ("amount1", "-5"),
    ("phone_number1", "1" * 18),
    ("phone_number1", "---"),
    ("phone_number1", "电话"),
    ("car_number1", "粤粤A88888"),
    ("car_number1", "粤A1234567"),
    ("name1", "一二三四五六七八九十一"),
    ("name1", "张三3"),
    ("name1", "a" * 21),
    ("phrase1", "已发货了吗呢"),
    ("phrase1", "已发1"),
    ("phrase1", "OK"),
    ("enum1", "长" * 21),
]


@pytest.mark.parametrize(("key", "text"), GOOD)
def test_a_value_that_fits_is_sent_as_it_is(key: str, text: str) -> None:
    assert field_value(key, text) == text
    assert accepts(key, text)


@pytest.mark.parametrize(("key", "text"), BAD)
def test_a_value_that_does_not_fit_is_refused_by_name(key: str, text: str) -> None:
    with pytest.raises(Unsendable) as caught:
        field_value(key, text)
    assert caught.value.field == key
    assert str(caught.value).startswith(f"{key} must be ")
    assert not text.strip() or not accepts(key, text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("一二三四五六七八九十一二三四五六七八九十", "一二三四五六七八九十一二三四五六七八九十"),
        ("一二三四五六七八九十一二三四五六七八九十甲", "一二三四五六七八九十一二三四五六七八九…"),
        ("  货\r\n已到\t店 ", "货 已到 店"),
        ("abcdefghijklmnopqr stuvwxyz", "abcdefghijklmnopqr…"),
        ("a\x00b\u2028c", "a b c"),
    ],
)
def test_a_thing_is_put_on_one_line_and_cut_to_twenty(text: str, expected: str) -> None:
    assert field_value("thing1", text) == expected
    assert accepts("thing1", expected)


KINDS = sorted({key.rstrip("0123456789") for key, _ in GOOD})


@given(kind=st.sampled_from(KINDS), text=st.text(max_size=40))
def test_what_we_would_send_wechat_would_take(kind: str, text: str) -> None:
    try:
        value = field_value(f"{kind}1", text)
    except Unsendable:
        return
    assert accepts(f"{kind}1", value)


SHAPED = st.from_regex(r"[-+¥]?[0-9年月日: ~.元A-Za-z()粤]{1,20}", fullmatch=True)


@given(kind=st.sampled_from(KINDS), text=SHAPED)
def test_what_looks_nearly_right_is_judged_alike(kind: str, text: str) -> None:
    try:
        value = field_value(f"{kind}1", text)
    except Unsendable:
        return
    assert accepts(f"{kind}1", value)
