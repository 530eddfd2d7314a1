"""The words that invented customers are made of: names in many alphabets, with what their owners type in e-mails."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Region:
    """A part of the world: its names (each with its Latin spelling), its places, its streets."""

    country: str
    first: tuple[tuple[str, str], ...]
    last: tuple[tuple[str, str], ...]
    places: tuple[tuple[str, ...], ...]  # city, state, post code
    streets: tuple[str, ...]


# Of each region: its share in a hundred and its country; first names; last names; places; streets.  A name is followed
# by its Latin spelling where that is another.
_REGIONS = """\
52 US
James,Mary,Robert,Patricia,John,Jennifer,Michael,Linda,David,Elizabeth,William,Barbara,Richard,Susan,\
Joseph,Jessica,Thomas,Sarah,Carlos,Karen,Daniel,Nancy,Matthew,Lisa,Anthony,Betty,Mark,Sandra,Ada,Grace
Smith,Johnson,Williams,Brown,Jones,Garcia,Miller,Davis,Rodriguez,Martinez,Hernandez,Lopez,Gonzalez,\
Wilson,Anderson,Thomas,Taylor,Moore,Jackson,Martin,Lee,Perez,Thompson,White,Harris,O'Neill,Van Dyke
New York/NY/10001,Los Angeles/CA/90012,Chicago/IL/60601,Houston/TX/77002,Phoenix/AZ/85003,\
Philadelphia/PA/19103,San Antonio/TX/78205,San Diego/CA/92101,Dallas/TX/75201,Boston/MA/02108,\
Seattle/WA/98101,Denver/CO/80202,Miami/FL/33130,Newark/NJ/07102,Lakewood/NJ/08701,Brooklyn/NY/11201
Main St|Oak Ave|Maple Dr|2nd St|Broadway|Cedar Ln|Washington Blvd|Lake Rd
7 FR
François:francois,Élodie:elodie,Chloé:chloe,Jérôme:jerome,Anaïs:anais,Benoît:benoit,Céline:celine
Lefèvre:lefevre,Garçon:garcon,Müller:mueller,Dupré:dupre,Hélias:helias,Bœuf:boeuf,Noël:noel
Paris/Île-de-France/75001,Orléans/Centre/45000,Besançon/Doubs/25000,Nîmes/Gard/30000
rue de la Paix|avenue Foch|place d'Armes
7 DE
Jürgen:juergen,Käthe:kaethe,Jörg:joerg,Sören:soeren,Gisela,Björn:bjoern,Renée:renee
Weiß:weiss,Schröder:schroeder,Groß:gross,Bäcker:baecker,Straßer:strasser,Vogel,Köhler:koehler
München/BY/80331,Köln/NW/50667,Düsseldorf/NW/40213,Gießen/HE/35390
Hauptstraße|Bahnhofstraße|Gartenweg
6 ES
José:jose,María:maria,Íñigo:inigo,Begoña:begona,Andrés:andres,Lucía:lucia,Ñusta:nusta
Núñez:nunez,Peña:pena,Gómez:gomez,Ibáñez:ibanez,Muñoz:munoz,Ávila:avila
A Coruña/Galicia/15001,Málaga/Andalucía/29001,León/Castilla y León/24001
Calle Mayor|Avenida de la Constitución|Plaza de España
5 PL
Łukasz:lukasz,Żaneta:zaneta,Grażyna:grazyna,Paweł:pawel,Zdeněk:zdenek,İlayda:ilayda
Wiśniewski:wisniewski,Dąbrowska:dabrowska,Kołodziej:kolodziej,Dvořák:dvorak,Yıldız:yildiz
Łódź/łódzkie/90-001,Kraków/małopolskie/30-001,Wrocław/dolnośląskie/50-001
ul. Długa|ul. Kościuszki|aleja Róż
5 UA
Дмитрий:dmitri,Анна:anna,Олена:olena,Юрій:yurii,Сергей:sergei,Наталья:natalya
Иванов:ivanov,Шевченко:shevchenko,Кузнецова:kuznetsova,Ковальчук:kovalchuk,Щербак:shcherbak
Київ//01001,Одеса//65000,Львів//79000
вул. Хрещатик|вул. Соборна
3 GR
Γιώργος:giorgos,Ελένη:eleni,Νίκος:nikos,Δήμητρα:dimitra
Παπαδόπουλος:papadopoulos,Οικονόμου:oikonomou,Βασιλείου:vasileiou
Αθήνα//105 51,Θεσσαλονίκη//546 22
Ερμού|Πανεπιστημίου
3 AE
محمد:mohammed,فاطمة:fatima,أحمد:ahmed,ليلى:layla
العلي:alali,حسن:hassan,النجار:alnajjar
دبي/دبي/00000,الشارقة/الشارقة/00001
شارع الشيخ زايد|شارع الوحدة
3 IL
דוד:david,שרה:sarah,יוסף:yosef,מרים:miriam
כהן:cohen,לוי:levi,מזרחי:mizrahi
תל אביב//6100001,ירושלים//9100001
רחוב הרצל|שדרות רוטשילד
4 CN
伟:wei,芳:fang,娜:na,秀英:xiuying,强:qiang
王:wang,李:li,张:zhang,刘:liu,欧阳:ouyang
北京/北京/100000,上海/上海/200000,深圳/广东/518000
中山路|人民路
3 JP
さくら:sakura,太郎:taro,陽子:yoko,ハナ:hana
佐藤:sato,鈴木:suzuki,髙橋:takahashi,𠮷田:yoshida
東京/東京都/100-0001,大阪/大阪府/530-0001
丸の内一丁目|梅田二丁目
2 KR
민준:minjun,서연:seoyeon,지후:jihu
김:kim,이:lee,박:park
서울/서울/04524,부산/부산/48058
세종대로|해운대로
"""


def _names(text: str) -> tuple[tuple[str, str], ...]:
    pairs = (entry.partition(":") for entry in text.split(","))
    return tuple((name, (latin or name).lower().replace(" ", "").replace("'", "")) for name, _, latin in pairs)


def _region(head: str, first: str, last: str, places: str, streets: str) -> tuple[int, Region]:
    share, country = head.split()
    cities = tuple(tuple(entry.split("/")) for entry in places.split(","))
    return int(share), Region(country, _names(first), _names(last), cities, tuple(streets.split("|")))


# Each region with its share in a hundred; the shares add up to 100.
REGIONS: Final = tuple(_region(*five) for five in zip(*[iter(_REGIONS.splitlines())] * 5, strict=True))

AREA_CODES: Final = ("201", "212", "305", "312", "415", "512", "617", "702", "713", "718", "732", "848", "917")
PUBLIC_DOMAINS: Final = ("example.com", "example.com", "example.org", "example.net", "post.example", "mail.example")
COMPANY_FIRST: Final = (
    *("Acme", "Blue Ridge", "Cedar", "Delta", "Évasion", "Fjord", "Golden Gate", "Harbor", "Zürich", "Юпитер"),
)
COMPANY_SECOND: Final = ("Trading", "Supply", "Outfitters", "Imports", "Home Goods", "Electronics", "& Söhne", "Retail")
COMPANY_FORM: Final = ("LLC", "Inc.", "Ltd", "GmbH", "S.A.", "Co., Ltd.")
GROUPS: Final = ((1, "VIP"), (2, "Trade show 2024"), (3, "Net 30"), (4, "Influencers"), (5, "Do not mail"))
SALES_PEOPLE: Final = ("Dana Cole", "Ruth Okafor", "Miguel Sáenz", "Priya Nair")
COMMENTS: Final = (
    "Prefers to be called after 3 pm.",
    "Asked for a catalogue.\nSent on Monday.",
    "Two claims in one year, both settled.",
    "Покупает оптом к праздникам.",
)
