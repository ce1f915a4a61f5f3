/*
 * The protocol of leases, pages and tokens, for spin to search whole: any worker may die at any step, be stopped until its lease has run out, or lose
 * the server's last commits to a power failure; records appear upstream at any moment, and a person may reset the model or sign in again.
 *
 * One model and one account. Workers read the model's pages, or stand for the account's other models, which need the same token. The transactions are those
 * of ARCHITECTURE.md: T1 claim, T2 intent, T3 token, T4 page, T5 end. A committed transaction is an atomic step; a synchronous one also copies the tables
 * to what a power failure leaves.
 *
 * Each guard of the protocol can be left out with a macro NO_...; test/model/run.sh checks that spin then finds a violation, so that each is needed and
 * each property can fail. The properties are I1 to I7 and I10 of ARCHITECTURE.md: assertions in Monitor and at the steps, and the absence of deadlock.
 */

#ifndef WORKERS
#define WORKERS 2
#endif
#ifndef DEATHS
#define DEATHS 2
#endif
#ifndef EXPIRIES
#define EXPIRIES 1
#endif
#ifndef POWER_FAILURES
#define POWER_FAILURES 1
#endif
#ifndef RESETS
#define RESETS 1
#endif
#ifndef SIGN_INS
#define SIGN_INS 1
#endif
#ifndef ROTATIONS
#define ROTATIONS 1     /* how often the access token ends */
#endif
#ifndef GRACE
#define GRACE 1         /* a spent refresh token answers its successor until that one is used */
#endif

#define RECORDS 2
#define TOKENS 8
#define NONE WORKERS

/* The upstream. Records 1..made exist; each is newer than those before. */
byte made = 1;
byte token = 1;             /* the refresh token that it takes */
bool forgives = false;      /* whether it still takes the one before */
byte uses[TOKENS];

/* The tables: what every process sees. */
typedef Tables {
    byte cursor;            /* records up to this one are said to be here */
    byte copies[3];         /* how often each record was appended */
    byte fence;
    byte stored = 1;        /* the refresh token */
    byte attempts;          /* how often it was sent without an answer that is stored: the intent, T2 */
    bool needs_reauth;
    bool old;               /* the access token has ended */
};
Tables now_, durable;

byte holder = NONE;         /* the lease */
bool holder_died = false;   /* its process is gone: postmaster start, pid and process start say so */
bool ran_out = false;       /* its deadline has passed */
byte refresher = NONE;      /* who claimed the token */
bool refresher_died = false; /* or its deadline has passed */

/* The processes. */
bool asking[WORKERS];       /* a page request is in flight */
bool in_transaction[WORKERS];
bool unsure[WORKERS];       /* the upstream has spent the token, and T3 has not committed */
bool killed[WORKERS];
byte in_flight = 0;

/* For the properties. */
byte doubts = 0;            /* deaths and lost answers since the stored pair was new, with the token sent */
bool in_window = false;     /* one of them came after the upstream had spent the token */

byte deaths = DEATHS, expiries = EXPIRIES, power_failures = POWER_FAILURES, resets = RESETS, sign_ins = SIGN_INS, rotations = ROTATIONS;

inline copy(to, from) {
    to.cursor = from.cursor; to.copies[1] = from.copies[1]; to.copies[2] = from.copies[2]; to.fence = from.fence;
    to.stored = from.stored; to.attempts = from.attempts; to.needs_reauth = from.needs_reauth; to.old = from.old
}
inline flush() { if :: POWER_FAILURES > 0 -> copy(durable, now_) :: else fi }

#ifdef NO_LEASE
#define FREE true
#elif defined NO_DEATH
#define FREE (holder == NONE || ran_out)
#else
#define FREE (holder == NONE || holder_died || ran_out)
#endif
#ifdef NO_SINGLE_FLIGHT
#define TOKEN_FREE true
#else
#define TOKEN_FREE (refresher == NONE || refresher_died)
#endif
#ifdef NO_LOOK_BEFORE_TOKEN
#define MAY_SEND true
#else
#define MAY_SEND (refresher == me && !refresher_died)   /* a process that was stopped looks at its claim before it sends the token */
#endif
#define PARKED now_.needs_reauth
#ifdef NO_LOOK_BEFORE_REQUEST
#define MAY_ASK (!PARKED)
#else
#define MAY_ASK (!PARKED && holder == me && !ran_out)   /* a process that was stopped looks at its lease before it asks */
#endif
#ifdef NO_TIMEOUT
#define REQUEST_HAS_ENDED true
#else
#define REQUEST_HAS_ENDED (!asking[holder])             /* requests end well before the lease does */
#endif
#ifdef NO_SHORT_TRANSACTIONS
#define LEFT_OPEN true
#else
#define LEFT_OPEN false
#endif
#ifdef NO_FENCE_AT_RESET
#define RESET_FENCES 0
#else
#define RESET_FENCES 1
#endif
#define ALL_READ (now_.cursor == made && made == RECORDS)
#define NOTHING_LEFT ((ALL_READ && !now_.old && now_.attempts == 0) || PARKED)

/* One refresh of the token, or its death. */
inline refresh() {
    /* T2: the claim and the intent, before anything is sent. */
    atomic {
        TOKEN_FREE || !now_.old || PARKED;
        if
        :: PARKED || !now_.old -> claimed = false        /* somebody else was faster */
        :: else ->
            if
            :: now_.attempts >= 2 -> now_.needs_reauth = true; claimed = false; refresher = NONE   /* sent twice, and no answer came back */
            :: else ->
                claimed = true; refresher = me; refresher_died = false; sent = now_.stored;
#ifndef NO_INTENT
                now_.attempts++;
#endif
#ifndef NO_SYNC_INTENT
                flush();
#endif
            fi
        fi
    }
    if
    ::  /* The request: the upstream never sees it, or spends the token and answers, or its answer is lost, or it takes the use of a spent token for theft. */
        atomic { claimed && MAY_SEND ->
            if
            :: sent == token -> uses[sent]++; token++; forgives = (GRACE == 1); got = token; unsure[me] = true
            :: sent + 1 == token && forgives -> uses[sent]++; got = token; unsure[me] = true
            :: else -> uses[sent]++; got = 0; token++     /* which nobody has */
            fi;
            assert(uses[sent] <= 2)          /* never a second use of a spent token but the one retry */
        }
        if
        :: true
        :: atomic { deaths > 0 && got != 0 -> deaths--; got = TOKENS; doubts++; in_window = true; unsure[me] = false }   /* the answer is lost */
        fi;
#ifdef NO_STORE_BEFORE_USE
        if :: got != 0 && got != TOKENS -> assert(got <= now_.stored) :: else fi;
#endif
        /* T3: the new pair, if the claim is still ours. */
        atomic {
            if
#ifdef NO_CLAIM_CHECK
            :: false
#else
            :: refresher != me || refresher_died
#endif
            :: else ->
                if
                :: got == 0 -> now_.needs_reauth = true; flush()
                :: got == TOKENS -> skip
                :: else -> now_.stored = got; now_.attempts = 0; now_.old = false; doubts = 0; in_window = false;
#ifndef NO_SYNC_TOKEN
                    flush()
#endif
                fi;
                refresher = NONE
            fi;
            unsure[me] = false
        }
    :: else
    fi
}

proctype Worker(byte me) {
    byte fence, from, upto, sent, got;
    bool claimed;
again:
    {
        do
        :: atomic { NOTHING_LEFT -> break }
        :: atomic { now_.old && !PARKED && TOKEN_FREE -> skip }
            refresh()                                    /* for another model of the account */
        :: atomic { FREE && !PARKED && now_.cursor < made ->     /* T1 */
            holder = me; holder_died = false; ran_out = false; now_.fence++; fence = now_.fence; from = now_.cursor; in_transaction[me] = LEFT_OPEN }
            do
            :: atomic { !now_.old || PARKED -> break }
            :: atomic { now_.old && !PARKED -> skip } refresh()
            od;
            if
            :: PARKED -> skip
            :: atomic { !PARKED && !MAY_ASK -> skip }
            :: atomic { MAY_ASK -> asking[me] = true; in_flight++; assert(in_flight == 1) }      /* I4 */
                atomic { upto = made; asking[me] = false; in_flight-- };         /* the answer; the connection of the dead is closed */
                in_transaction[me] = false;
                /* T4 */
#ifdef NO_ONE_TRANSACTION
                atomic { if :: fence == now_.fence -> now_.cursor = upto :: else fi };
#endif
                atomic {
                    if
#ifndef NO_FENCE
                    :: fence != now_.fence -> skip
#endif
                    :: else ->
                        if
                        :: from < 1 && upto >= 1 -> now_.copies[1]++
                        :: else
                        fi;
                        if
                        :: from < 2 && upto >= 2 -> now_.copies[2]++
                        :: else
                        fi;
#ifdef NO_CURSOR_FROM_DATA
                        now_.cursor = made
#else
                        now_.cursor = upto
#endif
                    fi
                }
            fi;
            /* T5 */
            atomic { in_transaction[me] = false; if :: holder == me -> holder = NONE; holder_died = false; ran_out = false :: else fi;
                     fence = 0; from = 0; upto = 0; sent = 0; got = 0; claimed = false }
        od
    } unless { atomic { killed[me] -> killed[me] = false; fence = 0; from = 0; upto = 0; sent = 0; got = 0; claimed = false; goto again } }
}

/* The death of a process closes its connections; its leases name somebody who is gone. */
inline bury(w) {
    if :: asking[w] -> asking[w] = false; in_flight-- :: else fi;
    if :: unsure[w] -> unsure[w] = false; in_window = true :: else fi;
    if :: holder == w -> holder_died = true :: else fi;
    if :: refresher == w -> refresher_died = true; doubts++ :: else fi;
    in_transaction[w] = false; killed[w] = true
}

proctype Fate() {
    byte w;
end:
    do
    :: atomic { made < RECORDS -> made++ }
    :: atomic { rotations > 0 && !now_.old && !PARKED -> rotations--; now_.old = true }
    :: atomic { deaths > 0 && !NOTHING_LEFT -> deaths--;
        w = 0; do :: w < WORKERS - 1 -> w++ :: break od;
        bury(w); w = 0 }
    :: atomic { expiries > 0 && holder != NONE && !holder_died && !ran_out && REQUEST_HAS_ENDED -> expiries--; ran_out = true }
    :: atomic { expiries > 0 && refresher != NONE && !refresher_died -> expiries--; refresher_died = true; doubts++;
        if :: unsure[refresher] -> in_window = true :: else fi }
    :: atomic { power_failures > 0 && !NOTHING_LEFT -> power_failures--;
        w = 0; do :: w < WORKERS -> bury(w); w++ :: else -> break od; w = 0;
        copy(now_, durable) }
    :: atomic { power_failures > 0 && durable.fence != now_.fence -> flush() }      /* the WAL writer */
    :: atomic { resets > 0 && !PARKED -> resets--; now_.cursor = 0; now_.copies[1] = 0; now_.copies[2] = 0; now_.fence = now_.fence + RESET_FENCES }
    :: atomic { sign_ins > 0 && token < TOKENS - 2 -> sign_ins--; token++; forgives = false; now_.stored = token; now_.attempts = 0; now_.old = false;
        now_.needs_reauth = false; refresher = NONE; refresher_died = false; doubts = 0; in_window = false; flush() }
    od
}

#define I1_I3 ((now_.cursor < 1 || now_.copies[1] >= 1) && (now_.cursor < 2 || now_.copies[2] >= 1))
#define I2 (now_.copies[1] <= 1 && now_.copies[2] <= 1)
#define I6 (!(in_transaction[0] && asking[0]) && !(in_transaction[1] && asking[1]))
#define I7 (now_.stored == token || now_.attempts > 0 || PARKED)
#define LOST_ONLY_WITH_CAUSE (!PARKED || doubts >= 2 || (in_window && GRACE == 0))

active proctype Monitor() {
end:
    do
    :: atomic { !I1_I3 -> assert(I1_I3) }
    :: atomic { !I2 -> assert(I2) }
    :: atomic { !I6 -> assert(I6) }
    :: atomic { !I7 -> assert(I7) }
    :: atomic { !LOST_ONLY_WITH_CAUSE -> assert(LOST_ONLY_WITH_CAUSE) }
    od
}

init {
    atomic {
        byte w = 0;
        do :: w < WORKERS -> run Worker(w); w++ :: else -> break od;
        w = 0;
        copy(durable, now_);
        run Fate()
    }
}
