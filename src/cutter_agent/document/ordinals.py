"""Ordinal words: first, second, third in the languages that laws are headed in."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_WORDS: Final = (
    (
        "first primer primero primera premier première primeiro primeira primo prima întâi întâia erste "
        "erster erstes første första eerste pierwszy pierwsza první prvý prvi prva прва први первый "
        "первая перший първа първи πρώτο πρώτη birinci birinchi első ensimmäinen pertama kesatu satu "
        "nhất único única unico unique uvodni الأول الأولى اول प्रथम פרק-ראשון ראשון ראשונה prvá prvo "
        "primul pirmas pirmoji pirmais pirmā esimene esimesel fyrsti parë kwanza mbere አንድ አንደኛ "
        "нэгдүгээр бірінші биринчи якум প্রথম پہلا ένα ilk one einziges"
    ),
    (
        "second segundo segunda deuxième secondo seconda doi doilea zweite zweiter zweites andre "
        "andra tweede drugi druga druhá druhý друга други второй вторая другий втора втори δεύτερο "
        "δεύτερη ikinci ikkinchi második toinen kedua dua hai الثاني الثانية دوم द्वितीय שני שנייה "
        "antras antroji otrais otrā teine annar dytë pili kabiri ሁለት ሁለተኛ хоёрдугаар екінші экинчи "
        "дуюм দ্বিতীয় two"
    ),
    (
        "third tercer tercero tercera troisième terzo terza terceiro terceira treilea dritte dritter drittes "
        "tredje derde trzeci trzecia třetí tretí treći treća трећи трећа третий третья третій трета "
        "трети τρίτο τρίτη üçüncü uchinchi harmadik kolmas ketiga tiga ba الثالث الثالثة سوم तृतीय "
        "שלישי שלישית tretia trečias trečioji trešais trešā þriðji tretë tatu gatatu ሦስት ሶስት ሦስተኛ "
        "гуравдугаар үшінші үчүнчү сеюм তৃতীয় three"
    ),
    (
        "fourth cuarto cuarta quatrième quarto quarta patrulea vierte vierter viertes fjerde fjärde "
        "vierde czwarty czwarta čtvrtá štvrtá četvrti četvrta четврти четвёртый четвертый четвертая "
        "четвертий четвърта τέταρτο dördüncü negyedik neljäs keempat empat tư الرابع الرابعة چهارم "
        "चतुर्थ רביעי ketvirtas ketvirtoji ceturtais ceturtā neljas fjórði katërt nne kane አራት አራተኛ "
        "дөрөвдүгээр төртінші төртүнчү чорум চতুর্থ four"
    ),
    (
        "fifth quinto quinta cinquième cincilea fünfte fünfter fünftes femte vijfde piąty piąta pátá "
        "piata peti peta пети пятый пятая п’ятий пета πέμπτο beşinci ötödik viides kelima lima năm "
        "الخامس الخامسة پنجم पंचम חמישי penktas penktoji piektais piektā viies fimmti pestë tano "
        "gatanu አምስት አምስተኛ тавдугаар бесінші бешинчи панҷум পঞ্চম five"
    ),
    (
        "sixth sexto sexta sixième sesto sesta șaselea sechste sechster sjette sjätte zesde szósty "
        "szósta šestá šesti шести шестой шестая шостий έκτο altıncı hatodik kuudes keenam enam sáu "
        "السادس السادسة ششم षष्ठ שישי šiesta šestý šeštas šeštoji sestais sestā kuues sjötti gjashtë "
        "sita gatandatu ስድስት ስድስተኛ зургадугаар зургаадугаар алтыншы шашум ষষ্ঠ six"
    ),
    (
        "seventh séptimo séptima septième settimo settima sétimo sétima șaptelea siebte siebter "
        "sjuende sjunde zevende siódmy siódma sedmá sedmi седми седьмой седьмая сьомий έβδομο yedinci "
        "hetedik seitsemäs ketujuh bảy السابع السابعة هفتم सप्तम שביעי siedma sedmý septintas "
        "septintoji septītais septītā seitsmes sjöundi shtatë saba karindwi ሰባት ሰባተኛ долдугаар "
        "долоодугаар жетінші ҳафтум সপ্তম seven"
    ),
    (
        "eighth octavo octava huitième ottavo ottava oitavo oitava optulea achte achter åttende "
        "åttonde achtste ósmy ósma osmá osmi осми восьмой восьмая восьмий όγδοο sekizinci nyolcadik "
        "kahdeksas kedelapan tám الثامن الثامنة هشتم अष्टम שמיני ôsma osmý aštuntas aštuntoji "
        "astotais astotā kaheksas áttundi tetë nane umunani ስምንት ስምንተኛ наймдугаар сегізінші ҳаштум "
        "অষ্টম eight"
    ),
    (
        "ninth noveno novena neuvième nono nona nouălea neunte neunter niende nionde negende "
        "dziewiąty dziewiąta devátá deveti девети девятый девятая дев’ятий ένατο dokuzuncu kilencedik "
        "yhdeksäs kesembilan chín التاسع التاسعة نهم नवम תשיעי deviata devátý devintas devintoji "
        "devītais devītā üheksas níundi nëntë tisa icyenda ዘጠኝ ዘጠነኛ есдүгээр тоғызыншы нӯҳум নবম nine"
    ),
    (
        "tenth décimo décima dixième decimo decima zecelea zehnte zehnter tiende tionde dziesiąty "
        "dziesiąta desátá deseti десети десятый десятая десятий δέκατο onuncu tizedik kymmenes "
        "kesepuluh mười العاشر العاشرة دهم दशम עשירי desiata desátý dešimtas dešimtoji desmitais "
        "desmitā kümnes tíundi dhjetë kumi icumi አስር አሥር አስረኛ аравдугаар арваннэгдүгээр оныншы даҳум "
        "দশম ten"
    ),
    (
        "eleventh undécimo onzième undicesimo onceno elfte elfter одиннадцатый одиннадцатая الحادي "
        "jedenásta jedenáctá eleven undecima undécima единадесета одинадцятий jedenasta vienuoliktas "
        "vienpadsmitā"
    ),
    (
        "twelfth duodécimo douzième dodicesimo zwölfte zwölfter двенадцатый двенадцатая dvanásta "
        "dvanáctá twelve duodécima дванадесета дванадцятий dwunasta dvyliktas divpadsmitā"
    ),
    ("thirteenth thirteen treizième tredicesimo dreizehnte тринадцатая tizenharmadik"),
    ("fourteenth fourteen quatorzième quattordicesimo vierzehnte четырнадцатая"),
    ("fifteenth fifteen quinzième quindicesimo fünfzehnte пятнадцатая"),
    ("sixteenth sixteen seizième sedicesimo sechzehnte шестнадцатая"),
    ("seventeenth seventeen dix-septième diciassettesimo siebzehnte семнадцатая"),
    ("eighteenth eighteen dix-huitième diciottesimo achtzehnte восемнадцатая"),
    ("nineteenth nineteen dix-neuvième diciannovesimo neunzehnte девятнадцатая"),
    ("twentieth twenty vingtième ventesimo zwanzigste двадцатая"),
)
_LEFT_OUT: Final = (
    "preliminar preliminary préliminaire liminaire preliminare προκαταρκτικό einleitender uvodní"
)
"""What stands before the first."""
_SPANISH: Final = "primer primero primera segundo segunda tercer tercero tercera cuarto cuarta quinto quinta sexto sexta séptimo séptima octavo octava noveno novena"
_PORTUGUESE: Final = "primeiro primeira segundo segunda terceiro terceira quarto quarta quinto quinta sexto sexta sétimo sétima oitavo oitava nono nona"
_TENS: Final = (
    ("décimo", "décima"),
    ("vigésimo", "vigésima"),
    ("trigésimo", "trigésima"),
    ("cuadragésimo", "cuadragésima"),
    ("quincuagésimo", "quincuagésima"),
)


def _values() -> dict[str, int]:
    values = {word: value for value, words in enumerate(_WORDS, 1) for word in words.split()}
    units = {word: values[word] for word in f"{_SPANISH} {_PORTUGUESE}".split()}
    for tens, words in enumerate(_TENS, 1):
        for ten in words:
            values[ten] = 10 * tens
            for word, unit in units.items():
                values[f"{ten} {word}"] = 10 * tens + unit
                values[f"{ten.replace('é', 'e')}{word}"] = 10 * tens + unit
    values.update(dict.fromkeys(_LEFT_OUT.split(), 0))
    for word, value in list(values.items()):
        if "α" <= unicodedata.normalize("NFD", word)[0] <= "ω":
            values[_without_accents(word)] = value
    return values


def _without_accents(word: str) -> str:
    marks = (mark for mark in unicodedata.normalize("NFD", word) if not unicodedata.combining(mark))
    return "".join(marks)


ORDINAL_VALUES: Final = _values()
"""What each word counts, in lower case; 0 for what stands before the first."""


_WORD_RE: Final = re.compile("[A-Za-zÀ-ʯ\u0370-\u1fff\u3040-\ud7ff]{2,20}")


def begins_with_ordinal(text: str, place: int) -> bool:
    """True if the word at this place counts."""
    word = _WORD_RE.match(text, place)
    if word is None:
        return False
    plain = word[0].casefold()
    return plain in ORDINAL_VALUES or ("i" in plain and ordinal_value(word[0]) is not None)


def ordinal_value(word: str) -> int | None:
    """What an ordinal word counts, or None for a word that is none."""
    plain = " ".join(word.split())
    found = ORDINAL_VALUES.get(plain.casefold())
    if found is not None:
        return found
    return ORDINAL_VALUES.get(plain.replace("İ", "i").replace("I", "ı").casefold())
