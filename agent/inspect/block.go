// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package inspect

import (
	"bytes"
	"encoding/base64"
	"errors"
	"iter"
	"strings"
)

// block is one PEM block.
type block struct {
	label     string
	der       []byte
	encrypted bool
	// embedded means that there is other text before the block on its line, as in
	// YAML, JSON or a comment. It may be an example, so it is not an error if damaged.
	embedded bool
	err      error // why der could not be decoded
}

var (
	begin = []byte("-----BEGIN ")
	dash  = []byte("-----")
	bom   = []byte("\xef\xbb\xbf")
)

// blocks returns the PEM blocks in a text. It is more lenient than encoding/pem, so
// that it finds what any program might find: blocks may be indented or escaped, and
// their lines may have any ending and any length. It ignores the text around them.
func blocks(text []byte) iter.Seq[block] {
	return func(yield func(block) bool) {
		text = bytes.TrimPrefix(text, bom)
		for at := bytes.Index(text, begin); at >= 0; {
			embedded := at > 0 && text[at-1] != '\n' && text[at-1] != '\r'
			text = text[at+len(begin):]
			// A block ends where the next one begins, if not before.
			next := bytes.Index(text, begin)
			extent := text
			if next >= 0 {
				extent = text[:next]
			}
			if b, ok := parse(extent, embedded); ok && !yield(b) {
				return
			}
			at = next
		}
	}
}

// parse parses a block from what follows its "-----BEGIN ". It returns false if the
// label does not end on the line.
func parse(text []byte, embedded bool) (block, bool) {
	label, body, found := bytes.Cut(text, dash)
	if !found || bytes.ContainsAny(label, "\r\n") {
		return block{}, false
	}
	b := block{label: string(label), embedded: embedded}
	end := bytes.Index(body, []byte("-----END "+b.label+"-----"))
	if end < 0 {
		b.err = errors.New("the END line is missing")
		return b, true
	}
	b.decode(string(body[:end]))
	return b, true
}

// unescape replaces the escaped line ends of JSON and YAML.
var unescape = strings.NewReplacer(`\r`, "\n", `\n`, "\n")

// decode decodes a block's headers and base64.
func (b *block) decode(body string) {
	if b.embedded {
		body = unescape.Replace(body)
	}
	var encoded strings.Builder
	for line := range strings.FieldsFuncSeq(body, func(r rune) bool { return r == '\n' || r == '\r' }) {
		if name, value, found := strings.Cut(line, ":"); found {
			b.encrypted = b.encrypted || strings.TrimSpace(name) == "Proc-Type" && strings.Contains(value, "ENCRYPTED")
			continue
		}
		for word := range strings.FieldsSeq(line) {
			encoded.WriteString(word)
		}
	}
	der, err := base64.StdEncoding.DecodeString(encoded.String())
	switch {
	case err != nil:
		b.err = errors.New("it is not base64")
	case len(der) == 0:
		b.err = errors.New("it is empty")
	}
	b.der = der
}
