"""The verbs of enrolled voices: enrolling, identifying, looking at a store, naming the segments of a recording."""

import argparse
import json
import logging
from pathlib import Path

from spkr.cli.arguments import add_listening, not_negative, positive, positive_number
from spkr.cli.packed import BROKEN, INCOMPLETE, add_least, add_rule, model_of
from spkr.errors import InputError

UNKNOWN = 1  # exit status of `identify`: somebody is unknown

logger = logging.getLogger("spkr")


def add_verbs(verb) -> None:
    """Add this group's verbs to the command line; `verb` makes a subparser."""
    p = verb("enrol", _enrol, "enrol a voice by its recordings", "an4.spkr staff.voices ann a1.wav a2.wav a3.wav")
    add_listening(p)
    p.add_argument("store", metavar="STORE", help="a file of enrolled voices, made if it does not exist")
    p.add_argument("name", metavar="NAME", help="of the voice")
    p.add_argument("files", metavar="FILE", nargs="+", help="recordings of this speaker alone")
    p.add_argument("--add", action="store_true", help="add the recordings to a voice that is enrolled")
    p.add_argument("--min-speech", type=not_negative, metavar="S",
                   help="seconds of speech that each recording must have (default: 1)")  # fmt: skip
    p.add_argument("--force", action="store_true", help="enrol although there is too little speech, the recordings "
                   "sound like two speakers, or like somebody who is enrolled")  # fmt: skip
    add_rule(p)

    p = verb("identify", _identify, "say which enrolled voice is speaking, if any", "an4.spkr staff.voices x.wav")
    add_listening(p)
    p.add_argument("store", metavar="STORE", help="a file of enrolled voices")
    p.add_argument("files", metavar="FILE", nargs="+", help="recordings, each of which is identified")
    p.add_argument("--top", type=positive, default=5, metavar="N", help="voices to show (default: %(default)s)")
    add_least(p)
    add_margin(p)
    add_rule(p)
    p.set_defaults(error_status=BROKEN)

    _add_label_verb(verb)
    _add_store_verb(verb)


def add_margin(p) -> None:
    """The option of an identification."""
    p.add_argument("--margin", type=not_negative, metavar="X", help="by which the likeliest voice must be ahead of the "
                   "next, in log-likelihood ratio (default: log 10; 0 of scores without a calibration)")  # fmt: skip


def _add_label_verb(verb) -> None:
    p = verb("label", _label, "name the speakers of given segments of a recording",
             "an4.spkr staff.voices meeting.wav --segments meeting.rttm -o named.rttm")  # fmt: skip
    add_listening(p)
    p.add_argument("store", metavar="STORE", help="a file of enrolled voices")
    p.add_argument("recording", metavar="RECORDING")
    p.add_argument("--segments", required=True, metavar="RTTM", help="who speaks when, in RTTM")
    p.add_argument("-o", "--out", metavar="FILE", help="output, in RTTM (default: print it)")
    p.add_argument(
        "--name", metavar="NAME", help="of the recording in RTTM (default: that of its file, without its end)"
    )
    p.add_argument("--each-segment", action="store_true",
                   help="identify each segment by itself, not all of a label together")  # fmt: skip
    p.add_argument("--min-seconds", type=positive_number, metavar="S",
                   help="do not listen to shorter segments (default: 0.5)")  # fmt: skip
    add_margin(p)
    add_rule(p)


def _add_store_verb(verb) -> None:
    p = verb("voices", _list, "list, show, remove or export enrolled voices", "staff.voices remove ann")
    p.add_argument("store", metavar="STORE", help="a file of enrolled voices")
    actions = p.add_subparsers(required=True, metavar="ACTION")
    json_too = argparse.ArgumentParser(add_help=False)
    json_too.add_argument("--json", action="store_true", help="print JSON")
    for name, run, text, names, example in (
        ("list", _list, "names, recordings, seconds of speech", None, ""),
        ("show", _show, "all that is stored of a voice, but its embeddings", "+", " ann"),
        ("remove", _remove, "delete voices; their bytes are overwritten", "+", " ann"),
        ("export", _export, "write all that is stored of voices, embeddings too, as JSON", "*", " staff.json ann"),
    ):
        action = actions.add_parser(
            name, help=text, description=f"{text[0].upper()}{text[1:]}.", parents=[json_too],
            epilog=f"example:\n  spkr voices staff.voices {name}{example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )  # fmt: skip
        action.set_defaults(run=run)
        if name == "export":
            action.add_argument("out", metavar="OUT", help="output, JSON")
        if names:
            action.add_argument(
                "names", metavar="NAME", nargs=names, help="of voices" + " (default: all)" * (names == "*")
            )


def _enrol(args) -> None:
    from spkr.packed.heard import LEAST_COMPARED
    from spkr.voices.answers import enrolment_json, enrolment_text
    from spkr.voices.enrolment import Terms, enrol

    model = model_of(args, None if args.min_speech is None else min(args.min_speech, LEAST_COMPARED))
    rule = model.rule(args.prior, args.threshold, args.false_alarms)
    least = {} if args.min_speech is None else {"least_speech": args.min_speech}
    terms = Terms(rule, extend=args.add, force=args.force, **least)
    done = enrol(model, args.store, args.name, args.files, terms, channel=args.channel)
    print(json.dumps(_head(args, model) | enrolment_json(done)) if args.json else enrolment_text(done))


def _head(args, model) -> dict[str, str]:
    return {"model": args.model, "sha256": model.sha256, "store": args.store}


def _identify(args) -> int:
    from spkr.packed.heard import read_sound
    from spkr.voices.answers import identity_json, identity_text
    from spkr.voices.identifying import identify

    model, voices = _model_and_voices(args, args.min_speech)
    rule = model.rule(args.prior, args.threshold, args.false_alarms)
    results, failed = [], []
    for path in args.files:
        try:
            heard = model.hear_all([read_sound(path, model.front_end, channel=args.channel)])
        except InputError as e:
            if len(args.files) == 1:
                raise
            logger.error("spkr identify: error: %s", e)
            failed.append({"source": path, "error": str(e)})
            continue
        (found,) = identify(model, voices, [heard], rule, args.margin, args.top)
        results.append(found)
        if not args.json:
            print(identity_text(path, found))
    if args.json:
        print(json.dumps(_head(args, model) | {"files": list(map(identity_json, results)), "failed": failed}))
    if failed:
        logger.error(
            "spkr identify: %d of %d files failed, first %s", len(failed), len(args.files), failed[0]["source"]
        )
        return INCOMPLETE
    return 0 if all(found.name for found in results) else UNKNOWN


def _model_and_voices(args, least_speech: float | None = None):
    """The packed model, and the voices of the store, of which there is one at least."""
    from spkr.voices.identifying import enrolled_voices
    from spkr.voices.store import VoiceStore

    model = model_of(args, least_speech)
    return model, enrolled_voices(VoiceStore(args.store, model.sha256, model.dim))


def _label(args) -> None:
    from spkr.files import replacing
    from spkr.outputs import check_outputs
    from spkr.voices.answers import named_json, named_text
    from spkr.voices.labelling import LEAST, Labelling, label
    from spkr.voices.rttm import of_recording, read_rttm, rttm_text

    if args.out:
        check_outputs([args.out], [args.model, args.store, args.recording, args.segments])
    segments = of_recording(args.segments, read_rttm(args.segments), args.name or Path(args.recording).stem)
    model, voices = _model_and_voices(args)
    rule = model.rule(args.prior, args.threshold, args.false_alarms)
    how = Labelling(rule, args.margin, args.min_seconds or LEAST, args.each_segment)
    named = label(model, voices, args.recording, segments, how, args.channel)
    text = rttm_text(segments, {segment: one.name for one in named for segment in one.segments})
    if args.out:
        with replacing(args.out) as f:
            f.write(text)
    if args.json:
        print(json.dumps(_head(args, model) | {"speakers": list(map(named_json, named)), "rttm": text}))
    elif args.out:
        print("\n".join(map(named_text, named)))
    else:
        print(text, end="")


def _list(args) -> None:
    from spkr.packed.verdicts import on_a_line
    from spkr.voices.answers import voice_json, voice_text
    from spkr.voices.store import VoiceStore

    store = VoiceStore(args.store)
    voices, model = store.voices(), store.model()
    if args.json:
        print(json.dumps({"store": args.store, "sha256": model, "voices": list(map(voice_json, voices))}))
        return
    print(
        on_a_line(f"{args.store}: {len(voices)} voice{'s' * (len(voices) != 1)}, of the model {model or '(none yet)'}")
    )
    print("".join(f"{on_a_line(voice_text(voice))}\n" for voice in voices), end="")


def _show(args) -> None:
    from spkr.voices.answers import voice_details, voice_json
    from spkr.voices.store import VoiceStore

    voices = VoiceStore(args.store).voices(*args.names)
    print(json.dumps(list(map(voice_json, voices))) if args.json else "\n".join(map(voice_details, voices)))


def _remove(args) -> None:
    from spkr.packed.verdicts import on_a_line
    from spkr.voices.answers import voice_json, voice_text
    from spkr.voices.store import VoiceStore

    gone = VoiceStore(args.store).remove(*args.names)
    print(json.dumps({"removed": list(map(voice_json, gone))}) if args.json else
          "\n".join(f"removed: {on_a_line(voice_text(voice))}" for voice in gone))  # fmt: skip


def _export(args) -> None:
    from spkr.files import replacing
    from spkr.outputs import check_outputs
    from spkr.voices.answers import export_json
    from spkr.voices.store import VoiceStore

    check_outputs([args.out], [args.store])
    store = VoiceStore(args.store)
    voices = store.voices(*args.names)
    with replacing(args.out) as f:
        json.dump(export_json(store.model(), voices), f, indent=1)
        f.write("\n")
    done = {"out": args.out, "voices": [voice.name for voice in voices]}
    print(json.dumps(done) if args.json else f"{args.out}: {len(voices)} voices, with their embeddings")
