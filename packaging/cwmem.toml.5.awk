# Makes the manual page cwmem.toml(5) of the shipped configuration: its sections, keys, defaults and
# comments are the page. With -v version=VERSION.

BEGIN {
    print ".TH CWMEM.TOML 5 \"\" \"cwmem " version "\" \"\""
    print ".SH NAME\ncwmem.toml \\- configuration of cwmem(1)"
    print ".SH SYNOPSIS\n.I /etc/cwmem/cwmem.toml\n.br\n.I /etc/cwmem/conf.d/*.toml"
    print ".SH DESCRIPTION"
    print "The files are TOML. A key that is absent has its default; a default is shown after the key,"
    print "and an example in parentheses where there is none."
}

function escaped(text) {
    gsub(/\\/, "\\e", text)
    gsub(/-/, "\\-", text)
    if (text ~ /^[.']/) text = "\\&" text
    return text
}

function tell() {
    if (told != "") printf "%s", told
    told = ""
}

# What the file says of its own marks isn't true of the page.
FNR == 1, /^$/ { next }

/^$/ { next }

/^\[/ {
    if (section != "") tell()
    section = $0
    # What stands before the first key of a section belongs to that key.
    print ".SH " escaped(toupper(substr($0, 2, length($0) - 2)))
    print "The section"
    print ".BR " escaped($0) "."
    next
}

/^# / { told = told escaped(substr($0, 3)) "\n"; next }

/^##? ?[a-zA-Z0-9_-]+ = / {
    example = /^## /
    sub(/^##? ?/, "")
    key = $0
    sub(/ = .*/, "", key)
    value = $0
    sub(/^[^=]*= /, "", value)
    print ".TP"
    print "\\fB" escaped(key) "\\fR" (example ? " (\\fI" escaped(value) "\\fR)" : " = \\fI" escaped(value) "\\fR")
    tell()
}

END {
    tell()
    print ".SH SEE ALSO\n.BR cwmem (1),\n.BR cwmem\\-check (1)"
}
