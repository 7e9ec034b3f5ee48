"""Endings of file names: what is one, and what a name is without it."""

# A file with one of these that can't be read is worth a line in a report.
MEDIA_SUFFIXES = frozenset(
    (
        ".3g2 .3ga .3gp .8svx .aac .ac3 .adts .aif .aifc .aiff .amr .ape .asf .au .avi .caf .dff .dsf .dts .eac3 .f4a "
        ".f4v .flac .flv .gsm .it .m2ts .m4a .m4b .m4r .m4v .mka .mkv .mod .mov .mp1 .mp2 .mp3 .mp4 .mpa .mpc .mpeg "
        ".mpg .mts .mxf .oga .ogg .ogm .ogv .opus .ra .rf64 .rm .rmvb .s3m .snd .spx .tak .tta .voc .vob .w64 .wav "
        ".wave .webm .wma .wmv .wv .xm"
    ).split()
)
_PICTURES = ".avif .bmp .gif .heic .heif .jpeg .jpg .png .tif .tiff .webp"
_WORDS = ".ass .csv .json .jsonl .lrc .ndjson .sbv .srt .ssa .sub .tsv .txt .vtt"
_ENDINGS = MEDIA_SUFFIXES | frozenset(f".m2t .ts {_PICTURES} {_WORDS}".split())


def stem(name: str) -> str:
    """A file name without the ending of media, pictures or captions; what follows any other dot is part of the name.

    >>> stem("rain.mp4"), stem("scene.v2.mp4"), stem("St.Louis"), stem("1001_Film_00.00.51.926-00.00.54.129")
    ('rain', 'scene.v2', 'St.Louis', '1001_Film_00.00.51.926-00.00.54.129')
    """
    first, dot, ending = name.rpartition(".")
    return first if first and (dot + ending).rstrip().lower() in _ENDINGS else name


def stem_path(path: str) -> str:
    """A path with forward slashes, without the ending of its file.

    >>> stem_path("a.b/rain.mp4"), stem_path("a.b/rain")
    ('a.b/rain', 'a.b/rain')
    """
    folder, slash, last = path.rpartition("/")
    return folder + slash + stem(last)
