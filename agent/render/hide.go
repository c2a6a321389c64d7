// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package render

import (
	"cmp"
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/certagent/certagent/redact"
)

// shortest is the length from which a text counts as a secret. Shorter ones occur in
// messages by chance.
const shortest = 4

var (
	// quoted finds what functions put in quotation marks, usually the invalid value.
	quoted = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile("\"(?:[^\"\\\\]|\\\\.)*\"|`[^`]*`|(?:^|[\\s(:=])'[^']*'")
	})

	// word finds the words and numbers of a message.
	word = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`[\pL\pN_]+`) })

	// marks finds hidden words beside each other, with what is between them.
	marks = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\[redacted\](?:[^\pL\pN_\n]*\[redacted\])+`) })
)

// hide replaces secrets in the text of an error: the known ones, each quoted value and
// each word that is neither part of the template nor one that the functions' messages
// consist of, because it may be derived from a secret.
func hide(text string, known []string, template string) string {
	text = replaceAll(text, known)
	text = quoted().ReplaceAllStringFunc(text, func(match string) string {
		open := strings.IndexAny(match, "\"'`")
		inner := match[open+1 : len(match)-1]
		if inner == redact.Mark || strings.Contains(template, inner) || ordinary(inner) {
			return match
		}
		return match[:open+1] + redact.Mark + match[len(match)-1:]
	})
	if isOrdinary(text) {
		return text
	}
	own := make(map[string]bool)
	for _, w := range word().FindAllString(template, -1) {
		own[w] = true
	}
	text = word().ReplaceAllStringFunc(text, func(w string) string {
		if own[w] || ordinary(w) {
			return w
		}
		return redact.Mark
	})
	return marks().ReplaceAllString(text, redact.Mark)
}

// isOrdinary reports whether a text consists of ordinary words.
func isOrdinary(text string) bool {
	return !slices.ContainsFunc(word().FindAllString(text, -1), func(w string) bool { return !ordinary(w) })
}

// ordinary reports whether a word is one of the messages' own, a letter, or a small
// number such as a line.
func ordinary(w string) bool {
	return vocabulary()[w] || len(w) <= 1 || len(w) <= 2 && strings.Trim(w, "0123456789") == ""
}

// replaceAll replaces each known text, whole, as %q prints it and line by line.
func replaceAll(text string, known []string) string {
	var forms []string
	for _, k := range known {
		forms = append(forms, k)
		if q := strconv.Quote(k); len(q) != len(k)+2 {
			forms = append(forms, q[1:len(q)-1])
		}
		if strings.Contains(k, "\n") {
			for line := range strings.Lines(k) {
				forms = append(forms, strings.TrimSpace(line))
			}
		}
	}
	forms = slices.DeleteFunc(forms, func(f string) bool { return len(f) < shortest })
	// The replacer takes the first match: a text must come before its prefixes.
	slices.SortFunc(forms, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	pairs := make([]string, 0, 2*len(forms))
	for _, f := range forms {
		pairs = append(pairs, f, redact.Mark)
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

// texts appends every string in the data of an answer.
func texts(list []string, value any) []string {
	switch v := value.(type) {
	case string:
		list = append(list, v)
	case json.Number:
		list = append(list, v.String())
	case []any:
		for _, item := range v {
			list = texts(list, item)
		}
	case map[string]any:
		for _, item := range v {
			list = texts(list, item)
		}
	}
	return list
}
