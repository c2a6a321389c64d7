// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package render

import (
	"fmt"
	"strings"
)

const (
	// largestSource is how large a template may be, in bytes.
	largestSource = 1 << 20

	// deepestNesting is how deep blocks, with each else if, and parentheses may be
	// nested. The parser and the execution need stack for each level, and a stack that
	// is exhausted ends the process.
	deepestNesting = 1000
)

// checkSource returns an error if a template is too large, or nested too deeply, to be
// parsed.
func (in Input) checkSource() *Error {
	if len(in.Contents) > largestSource {
		return in.errorAt(0, 0, fmt.Sprintf("the template is larger than %d MiB", largestSource>>20))
	}
	n := nesting{left: in.left(), right: in.right()}
	if at := n.tooDeepAt(in.Contents); at >= 0 {
		return in.errorAt(1+strings.Count(in.Contents[:at], "\n"), 0, fmt.Sprintf("blocks or parentheses are nested more than %d levels deep", deepestNesting))
	}
	return nil
}

// nesting follows the blocks of a template. It may count too many levels in a text that
// is no valid template, but never too few.
type nesting struct {
	left, right string
	levels      []int // of each open block: itself, and its else branches
	depth       int   // their sum
}

// tooDeepAt returns the offset of an action that is nested too deeply, or -1.
func (n *nesting) tooDeepAt(text string) int {
	for at := 0; ; {
		begin := strings.Index(text[at:], n.left)
		if begin < 0 {
			return -1
		}
		at += begin
		action := text[at+len(n.left):]
		length, parentheses := n.action(action)
		n.enter(strings.Fields(strings.TrimPrefix(action[:min(length, 100)], "-")))
		if n.depth+parentheses > deepestNesting {
			return at
		}
		at += len(n.left) + length
	}
}

// enter changes the depth by an action, of which the first words are given.
func (n *nesting) enter(words []string) {
	switch {
	case len(words) == 0:
	case words[0] == "end" || strings.HasPrefix(words[0], "end-"):
		if last := len(n.levels) - 1; last >= 0 {
			n.depth -= n.levels[last]
			n.levels = n.levels[:last]
		}
	case words[0] == "else" && len(words) > 1 && len(n.levels) > 0:
		n.levels[len(n.levels)-1]++
		n.depth++
	default:
		for _, keyword := range []string{"if", "range", "with", "define", "block"} {
			if rest, ok := strings.CutPrefix(words[0], keyword); ok && (rest == "" || !isLetter(rest[0])) {
				n.levels = append(n.levels, 1)
				n.depth++
			}
		}
	}
}

func isLetter(c byte) bool {
	return c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c >= 0x80
}

// action returns the length of an action with its right delimiter, and how deep its
// parentheses are nested. Comments and strings have none.
func (n *nesting) action(text string) (length, parentheses int) {
	if begin := strings.TrimLeft(strings.TrimPrefix(text, "-"), " \t\r\n"); strings.HasPrefix(begin, "/*") {
		end := strings.Index(begin, "*/")
		if end < 0 {
			return len(text), 0
		}
		return len(text) - len(begin) + end + len("*/"), 0
	}
	depth := 0
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case strings.HasPrefix(text[i:], n.right):
			return i + len(n.right), parentheses
		case c == '(':
			depth++
			parentheses = max(parentheses, depth)
		case c == ')':
			depth--
		case c == '`':
			i += 1 + strings.IndexByte(text[i+1:]+"`", '`')
		case c == '"' || c == '\'':
			for i++; i < len(text) && text[i] != c && text[i] != '\n'; i++ {
				if text[i] == '\\' {
					i++
				}
			}
		}
	}
	return len(text), parentheses
}
