// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package certspec

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// Problem is one thing that is wrong with a Spec or an Output.
type Problem struct {
	Key   string // of the configuration, such as "alt_names" or "key.bits"; "params.NAME" for one of Params
	Value string // the value at fault, which the message may quote
	Index int    // of Value in the list that Key is, see InList
	Hint  string // what to do
	// Conflict reports that the value is possible, but not beside the others.
	Conflict bool

	// InList reports whether Key is a list.
	InList bool

	text string // with %s in place of Value
}

// Message returns what is wrong, without the key. It quotes the value as shown:
// in Go's quotes by Error, masked by who must not show it.
func (p Problem) Message(shown string) string {
	return strings.ReplaceAll(p.text, "%s", shown)
}

// Error returns the key and the message.
func (p Problem) Error() string { return p.Key + ": " + p.Message(strconv.Quote(p.Value)) }

// problems collects what is wrong.
type problems []Problem

func (ps *problems) add(p Problem) { *ps = append(*ps, p) }

// Validate returns everything that is wrong with the specification; nil if nothing
// is. What only the role can forbid is left to Vault.
func (s Spec) Validate() []Problem {
	var ps problems
	s.validateRole(&ps)
	s.validateNames(&ps)
	s.validateLifetime(&ps)
	s.validateParams(&ps)
	return append(ps, s.Key.Validate()...)
}

func (s Spec) validateRole(ps *problems) {
	const hint = `write "MOUNT/ROLE", such as "pki/web"`
	segments := strings.Split(s.Role, "/")
	switch {
	case s.Role == "":
		ps.add(Problem{Key: "role", text: "is missing", Hint: hint})
	case len(segments) < 2 || slices.ContainsFunc(segments, isBadSegment):
		ps.add(Problem{Key: "role", Value: s.Role, text: "%s is not of the form MOUNT/ROLE", Hint: hint})
	}
}

// isBadSegment reports whether Vault would read a segment of a path in another way.
func isBadSegment(text string) bool {
	return text == "" || text == "." || text == ".." || strings.ContainsAny(text, `?#%\`) || hasSpaceOrControl(text)
}

// validateNames refuses what Vault would leave out of the certificate without an
// error.
func (s Spec) validateNames(ps *problems) {
	if s.CommonName == "" && len(s.AltNames)+len(s.IPSANs)+len(s.URISANs)+len(s.OtherSANs) == 0 {
		ps.add(Problem{Key: "common_name", text: "is missing, and no other name is set", Hint: `write for example "example.test"`})
	}
	if s.CommonName != strings.TrimSpace(s.CommonName) || hasControl(s.CommonName) {
		ps.add(Problem{
			Key: "common_name", Value: s.CommonName,
			text: "has leading or trailing spaces, or control characters", Hint: "remove them",
		})
	}
	var n Names
	for _, list := range n.lists(s) {
		for i, text := range list.texts {
			if !list.add(text) {
				ps.add(Problem{Key: list.key, Value: text, Index: i, InList: true, text: "%s " + list.complaint, Hint: list.hint})
			}
		}
	}
}

func (s Spec) validateLifetime(ps *problems) {
	if s.TTL < 0 || s.TTL%time.Second != 0 {
		ps.add(Problem{Key: "ttl", Value: s.TTL.String(), text: "must be a whole number of seconds", Hint: `write for example "72h"`})
	}
	if s.NotAfter == "" {
		return
	}
	if _, err := time.Parse(time.RFC3339, s.NotAfter); err != nil {
		ps.add(Problem{Key: "not_after", Value: s.NotAfter, text: "must be a time, not %s", Hint: `write for example "2030-01-31T00:00:00Z"`})
	}
	if s.TTL != 0 {
		ps.add(Problem{Key: "not_after", Conflict: true, text: "cannot be combined with ttl", Hint: "keep one of them"})
	}
}

// ownParams are the parameters of pki/sign and pki/issue that have a field, and
// formParams those that decide the form in which Vault answers.
var (
	ownParams  = []string{"common_name", "alt_names", "ip_sans", "uri_sans", "other_sans", "exclude_cn_from_sans", "ttl", "not_after"}
	formParams = []string{"csr", "format", "private_key_format"}
)

func (s Spec) validateParams(ps *problems) {
	for _, name := range slices.Sorted(maps.Keys(s.Params)) {
		p := Problem{Key: "params." + name}
		switch {
		case name == "" || hasSpaceOrControl(name):
			p.text, p.Hint = "is not the name of a parameter", "write the name without spaces"
		case slices.Contains(ownParams, name):
			p.text, p.Hint, p.Conflict = "is a key of certificate", "move it out of params", true
		case slices.Contains(formParams, name):
			p.text, p.Hint, p.Conflict = "must not be set", "choose the form of the output with the keys of files", true
		default:
			continue
		}
		ps.add(p)
	}
}

// Validate returns everything that is wrong with the specification of the key; nil
// if nothing is.
func (k KeySpec) Validate() []Problem {
	var ps problems
	k = k.WithDefaults()
	sizes, known := keySizes[k.Type]
	switch {
	case !known:
		ps.add(Problem{Key: "key.type", Value: string(k.Type), text: "unknown value %s", Hint: `write "ec", "rsa", "ed25519" or "vault"`})
	case k.Bits != 0 && len(sizes) == 0:
		hint := "remove it"
		if k.Type == Vault {
			hint = "remove it: the role in Vault decides"
		}
		ps.add(Problem{Key: "key.bits", text: fmt.Sprintf("has no effect on a key of type %q", k.Type), Hint: hint, Conflict: true})
	case len(sizes) > 0 && !slices.Contains(sizes, k.Bits):
		ps.add(Problem{
			Key: "key.bits", Conflict: true,
			text: fmt.Sprintf("%d is not a valid size for a key of type %q", k.Bits, k.Type),
			Hint: fmt.Sprintf("write %d, %d or %d", sizes[0], sizes[1], sizes[2]),
		})
	}
	if k.Type == Vault && k.Reuse {
		ps.add(Problem{Key: "key.reuse", Conflict: true, text: "is not possible with a key made by Vault", Hint: "remove reuse, or write another type"})
	}
	return ps
}

func hasControl(text string) bool { return strings.ContainsFunc(text, unicode.IsControl) }

func hasSpaceOrControl(text string) bool {
	return hasControl(text) || strings.ContainsFunc(text, unicode.IsSpace)
}

func isASCII(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r > unicode.MaxASCII })
}
