// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"strings"
	"unicode/utf8"
)

// indent is what the continuation of a line begins with.
const indent = "    "

// wrapper collects the words of a line.
type wrapper struct {
	words  []string // painted
	widths []int    // in columns, without the paint
}

// add adds text to the last word; each space in it begins another one.
func (w *wrapper) add(paint func(string) string, text string) {
	for i, part := range strings.Split(text, " ") {
		if i > 0 || len(w.words) == 0 {
			w.words, w.widths = append(w.words, ""), append(w.widths, 0)
		}
		last := len(w.words) - 1
		w.widths[last] += utf8.RuneCountInString(part)
		if paint != nil && part != "" {
			part = paint(part)
		}
		w.words[last] += part
	}
}

// addWord adds a label and its value as one word.
func (w *wrapper) addWord(paint func(string) string, label, value string) {
	w.widths = append(w.widths, utf8.RuneCountInString(label+value))
	if paint != nil {
		label = paint(label)
	}
	w.words = append(w.words, label+value)
}

// columns returns the length of the line.
func (w *wrapper) columns() int {
	n := max(len(w.words)-1, 0)
	for _, width := range w.widths {
		n += width
	}
	return n
}

// wrapped returns the line, broken between words where it would be longer than the
// terminal is wide. A word that is too long for any row is left to the terminal.
func (w *wrapper) wrapped(width int) string {
	var b strings.Builder
	column := 0
	for i, word := range w.words {
		switch {
		case i == 0:
		case column+1+w.widths[i] > width:
			b.WriteString("\n" + indent)
			column = len(indent)
		default:
			b.WriteString(" ")
			column++
		}
		b.WriteString(word)
		column += w.widths[i]
	}
	return b.String()
}
