//! The word lists of the built-in sample, written for this project.
//!
//! A *topic* row has the nouns, verbs and adjectives of one field of life; a *country* row has a
//! country, its capital, the adjective of its people and its currency; a *pair* row has the two
//! genders of a person. Irregular forms are spelled out with slashes (`knife/knives`,
//! `sing/sang/singing`); regular ones are derived in `lexicon`. No grammar here, and no randomness.

/// One field of life: four lists of words separated by blanks.
pub(super) struct TopicTable {
    /// Countable nouns, `singular` or `singular/plural`.
    pub(super) nouns: &'static str,
    /// Verbs, `base` or `base/past/gerund`.
    pub(super) verbs: &'static str,
    /// Adjectives with comparative and superlative.
    pub(super) gradable: &'static str,
    /// Adjectives without degrees.
    pub(super) plain: &'static str,
}

/// The topics of the sample.
pub(super) const TOPICS: &[TopicTable] = &[
    TopicTable {
        // Music.
        nouns: "violin drum concert choir melody orchestra trumpet pianist singer guitar symphony flute composer \
                rhythm opera chord",
        verbs: "sing/sang/singing perform rehearse compose strum/strummed/strumming hum/hummed/humming applaud \
                conduct chant serenade",
        gradable: "loud soft sweet shrill mellow",
        plain: "melodic harmonic acoustic tuneful rhythmic choral",
    },
    TopicTable {
        // Cooking.
        nouns: "kitchen recipe soup onion oven potato/potatoes tomato/tomatoes chef sauce pan spoon cake pepper dish \
                knife/knives loaf/loaves",
        verbs: "bake boil chop/chopped/chopping fry/fried/frying stir/stirred/stirring taste roast peel knead \
                simmer",
        gradable: "salty spicy tasty crisp greasy",
        plain: "delicious creamy buttery edible savoury vegetarian",
    },
    TopicTable {
        // Sea.
        nouns: "ship sailor harbor wave captain island anchor whale lighthouse deck boat coast fisherman/fishermen \
                beach dolphin reef",
        verbs: "sail swim/swam/swimming drift dive float row/rowed/rowing sink/sank/sinking steer paddle \
                navigate",
        gradable: "deep calm rough blue choppy",
        plain: "coastal tidal nautical marine offshore seaworthy",
    },
    TopicTable {
        // Law.
        nouns: "judge lawyer court jury witness verdict crime prison trial contract clerk statute lawsuit \
                prosecutor thief/thieves juror",
        verbs: "accuse convict testify sue swear/swore/swearing plead prosecute acquit/acquitted/acquitting \
                overrule sentence",
        gradable: "strict fair harsh firm stern",
        plain: "legal guilty innocent criminal lawful judicial",
    },
    TopicTable {
        // Medicine.
        nouns: "doctor nurse patient hospital clinic disease pill surgeon fever symptom vaccine bandage tooth/teeth \
                muscle injury syringe",
        verbs: "heal diagnose cure inject prescribe bleed/bled/bleeding cough recover vaccinate vomit",
        gradable: "sick weak pale healthy frail",
        plain: "medical surgical chronic infectious contagious painful",
    },
    TopicTable {
        // Sport.
        nouns: "team goal player coach stadium match ball champion league referee trophy athlete runner goalkeeper \
                tournament racket",
        verbs: "kick throw/threw/throwing tackle jump defeat dribble sprint compete catch/caught/catching \
                score",
        gradable: "fast quick strong fit/fitter/fittest agile/agiler/agilest",
        plain: "athletic competitive unbeaten olympic muscular energetic",
    },
    TopicTable {
        // Farming.
        nouns: "farm farmer field cow goose/geese tractor barn crop horse pig orchard seed calf/calves hen fence \
                meadow",
        verbs: "plow sow/sowed/sowing reap graze milk feed/fed/feeding dig/dug/digging harvest irrigate \
                fertilize",
        gradable: "ripe fat/fatter/fattest green muddy plump",
        plain: "rural fertile organic agricultural barren pastoral",
    },
    TopicTable {
        // Weather.
        nouns: "storm cloud thunderstorm blizzard forecast breeze puddle umbrella rainbow temperature hurricane \
                snowflake drought gust thermometer sunrise",
        verbs: "rain snow blow/blew/blowing freeze/froze/freezing melt thaw predict drizzle shine/shone/shining \
                evaporate",
        gradable: "cold warm hot/hotter/hottest windy cloudy wet/wetter/wettest",
        plain: "humid tropical seasonal overcast arctic misty",
    },
    TopicTable {
        // Trade.
        nouns: "merchant market price bank shop customer company factory store invoice investor tax warehouse \
                shareholder dealer receipt",
        verbs: "sell/sold/selling buy/bought/buying pay/paid/paying export borrow invest lend/lent/lending bargain \
                spend/spent/spending import",
        gradable: "cheap rich poor costly thrifty",
        plain: "commercial financial profitable bankrupt wholesale solvent",
    },
    TopicTable {
        // War.
        nouns: "soldier army battle weapon tank enemy fortress rifle regiment sword helmet trench siege bomb \
                bayonet battalion",
        verbs: "fight/fought/fighting attack march shoot/shot/shooting surrender invade conquer defend retreat \
                besiege",
        gradable: "brave fierce bloody bold grim/grimmer/grimmest",
        plain: "military nuclear armed hostile fortified tactical",
    },
    TopicTable {
        // School.
        nouns: "teacher pupil lesson classroom exam textbook university scholar library student essay professor \
                dictionary blackboard pencil notebook",
        verbs: "teach/taught/teaching learn study write/wrote/writing memorize graduate spell explain \
                think/thought/thinking recite",
        gradable: "smart clever bright wise easy dull",
        plain: "academic literate educational scholarly studious fluent",
    },
    TopicTable {
        // Building.
        nouns: "house wall roof brick carpenter ladder bridge architect tower hammer window chimney mason plank \
                staircase foundation",
        verbs: "build/built/building paint drill demolish repair weld measure renovate hang/hung/hanging \
                construct",
        gradable: "tall wide narrow steep thick sturdy",
        plain: "wooden concrete structural ornate spacious derelict",
    },
    TopicTable {
        // Travel.
        nouns: "passenger airport ticket hotel suitcase station bus pilot tourist passport railway journey road \
                taxi airplane backpack",
        verbs: "fly/flew/flying drive/drove/driving arrive depart wander ride/rode/riding pack board hike \
                commute",
        gradable: "long slow busy remote shabby",
        plain: "foreign scenic distant nomadic overseas touristic",
    },
    TopicTable {
        // Science.
        nouns: "scientist atom experiment laboratory telescope planet theory molecule comet microscope \
                hypothesis/hypotheses galaxy chemist equation electron crystal",
        verbs: "discover calculate observe prove orbit invent analyze dissolve detect hypothesize",
        gradable: "small large heavy tiny dense",
        plain: "scientific chemical magnetic atomic empirical molecular",
    },
];

/// Country, capital, adjective, currency.
pub(super) const COUNTRIES: &[[&str; 4]] = &[
    ["france", "paris", "french", "euro"],
    ["germany", "berlin", "german", "euro"],
    ["italy", "rome", "italian", "euro"],
    ["spain", "madrid", "spanish", "euro"],
    ["portugal", "lisbon", "portuguese", "euro"],
    ["greece", "athens", "greek", "euro"],
    ["austria", "vienna", "austrian", "euro"],
    ["finland", "helsinki", "finnish", "euro"],
    ["ireland", "dublin", "irish", "euro"],
    ["belgium", "brussels", "belgian", "euro"],
    ["sweden", "stockholm", "swedish", "krona"],
    ["norway", "oslo", "norwegian", "krone"],
    ["denmark", "copenhagen", "danish", "krone"],
    ["poland", "warsaw", "polish", "zloty"],
    ["hungary", "budapest", "hungarian", "forint"],
    ["romania", "bucharest", "romanian", "leu"],
    ["bulgaria", "sofia", "bulgarian", "lev"],
    ["serbia", "belgrade", "serbian", "dinar"],
    ["ukraine", "kyiv", "ukrainian", "hryvnia"],
    ["russia", "moscow", "russian", "ruble"],
    ["turkey", "ankara", "turkish", "lira"],
    ["georgia", "tbilisi", "georgian", "lari"],
    ["armenia", "yerevan", "armenian", "dram"],
    ["azerbaijan", "baku", "azerbaijani", "manat"],
    ["iran", "tehran", "iranian", "rial"],
    ["iraq", "baghdad", "iraqi", "dinar"],
    ["egypt", "cairo", "egyptian", "pound"],
    ["morocco", "rabat", "moroccan", "dirham"],
    ["algeria", "algiers", "algerian", "dinar"],
    ["kenya", "nairobi", "kenyan", "shilling"],
    ["uganda", "kampala", "ugandan", "shilling"],
    ["ghana", "accra", "ghanaian", "cedi"],
    ["nigeria", "abuja", "nigerian", "naira"],
    ["zambia", "lusaka", "zambian", "kwacha"],
    ["angola", "luanda", "angolan", "kwanza"],
    ["india", "delhi", "indian", "rupee"],
    ["nepal", "kathmandu", "nepalese", "rupee"],
    ["bangladesh", "dhaka", "bangladeshi", "taka"],
    ["thailand", "bangkok", "thai", "baht"],
    ["vietnam", "hanoi", "vietnamese", "dong"],
    ["laos", "vientiane", "laotian", "kip"],
    ["indonesia", "jakarta", "indonesian", "rupiah"],
    ["mongolia", "ulaanbaatar", "mongolian", "tugrik"],
    ["china", "beijing", "chinese", "yuan"],
    ["japan", "tokyo", "japanese", "yen"],
    ["korea", "seoul", "korean", "won"],
    ["australia", "canberra", "australian", "dollar"],
    ["canada", "ottawa", "canadian", "dollar"],
    ["cuba", "havana", "cuban", "peso"],
    ["peru", "lima", "peruvian", "sol"],
    ["chile", "santiago", "chilean", "peso"],
    ["venezuela", "caracas", "venezuelan", "bolivar"],
    ["paraguay", "asuncion", "paraguayan", "guarani"],
    ["honduras", "tegucigalpa", "honduran", "lempira"],
    ["kazakhstan", "astana", "kazakh", "tenge"],
    ["albania", "tirana", "albanian", "lek"],
    ["switzerland", "bern", "swiss", "franc"],
];

/// A man and a woman of the same station.
pub(super) const PAIRS: &[[&str; 2]] = &[
    ["king", "queen"],
    ["man", "woman"],
    ["boy", "girl"],
    ["father", "mother"],
    ["son", "daughter"],
    ["brother", "sister"],
    ["uncle", "aunt"],
    ["grandfather", "grandmother"],
    ["nephew", "niece"],
    ["husband", "wife"],
    ["prince", "princess"],
    ["actor", "actress"],
    ["waiter", "waitress"],
    ["groom", "bride"],
    ["lord", "lady"],
    ["duke", "duchess"],
    ["emperor", "empress"],
    ["host", "hostess"],
    ["hero", "heroine"],
    ["stepfather", "stepmother"],
    ["monk", "nun"],
    ["wizard", "witch"],
    ["dad", "mom"],
    ["grandson", "granddaughter"],
    ["policeman", "policewoman"],
    ["landlord", "landlady"],
    ["heir", "heiress"],
];

/// What people have and do at home and at court: the vocabulary around the pairs.
pub(super) const HOME: &str = "dinner birthday wedding garden palace crown letter dress coat village promise secret \
                               gift smile voice childhood portrait bedroom chair supper";
