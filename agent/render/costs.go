// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package render

import (
	"math"
	"reflect"
	"regexp"
	"strings"
)

// cost returns about how many bytes a call takes, given its arguments. It may stop
// counting at the limit.
type cost func(arguments operands, limit int) float64

// costs are those of the functions that make more of their arguments than a small
// multiple.
var costs = map[string]cost{
	"indent": indentCost, "sprig_indent": indentCost, "sprig_nindent": indentCost,
	"join": joinCost, "sprig_join": joinCost,
	"parseJSON": parseCost, "parseYAML": parseCost, "sprig_fromJson": parseCost, "sprig_mustFromJson": parseCost,
	"printf": formatCost, "spew_sprintf": formatCost,
	"replaceAll": replaceCost, "sprig_replace": replaceCost,
	"regexReplaceAll":                  regexReplaceCost(0, 2, 1),
	"sprig_regexReplaceAll":            regexReplaceCost(0, 1, 2),
	"sprig_mustRegexReplaceAll":        regexReplaceCost(0, 1, 2),
	"sprig_regexReplaceAllLiteral":     regexReplaceCost(0, 1, 2),
	"sprig_mustRegexReplaceAllLiteral": regexReplaceCost(0, 1, 2),
	"sprig_repeat":                     func(a operands, _ int) float64 { return a.number(0) * float64(len(a.text(1))) },
	"sprig_seq":                        seqCost,
	"sprig_until":                      func(a operands, _ int) float64 { return rangeCost(0, a.number(0), math.Copysign(1, a.number(0))) },
	"sprig_untilStep":                  func(a operands, _ int) float64 { return rangeCost(a.number(0), a.number(1), a.number(2)) },
	"sprig_wrap":                       func(a operands, _ int) float64 { return wrapCost(a.number(0), 1, a.text(1)) },
	"sprig_wrapWith":                   func(a operands, _ int) float64 { return wrapCost(a.number(0), len(a.text(1)), a.text(2)) },
}

func indentCost(a operands, _ int) float64 {
	return a.number(0)*lines(a.text(1)) + float64(len(a.text(1)))
}

// joinCost takes the separator and the list in either order.
func joinCost(a operands, limit int) float64 {
	count, separator := 0.0, 0
	for _, v := range a {
		switch {
		case v.Kind() == reflect.Slice:
			count += float64(v.Len())
		case v.Kind() == reflect.String && separator == 0:
			separator = v.Len()
		default:
			count++
		}
	}
	return count * float64(separator)
}

// parseCost counts the characters that begin a value: it takes more memory than its text.
func parseCost(a operands, limit int) float64 {
	const value, expansion = 32, 8
	text := a.text(0)
	n := len(text)
	for _, c := range []string{",", "[", "{", "\n"} {
		n += value * strings.Count(text, c)
	}
	return float64(n) / expansion
}

// width finds a width or precision in a format, which fmt limits to a million.
var width = regexp.MustCompile(`[0-9]+|\*`)

func formatCost(a operands, _ int) float64 {
	const most = 1e6
	sum := 0.0
	for _, verb := range strings.Split(a.text(0), "%")[1:] {
		for _, w := range width.FindAllString(verb, -1) {
			n, err := integer(w)
			if err != nil { // an asterisk: the width is an argument
				n = most
			}
			sum += min(float64(n), most)
		}
	}
	return sum
}

func replaceCost(a operands, _ int) float64 {
	old, replacement, text := a.text(0), a.text(1), a.text(2)
	return float64(len(text)) + float64(strings.Count(text, old))*float64(len(replacement))
}

// regexReplaceCost returns the cost of a function that has its arguments at these places.
func regexReplaceCost(expression, text, replacement int) cost {
	return func(a operands, limit int) float64 {
		re, err := regexp.Compile(a.text(expression))
		if err != nil {
			return 0 // the function reports it
		}
		text, replacement := a.text(text), a.text(replacement)
		size := float64(len(text)) * float64(1+strings.Count(replacement, "$"))
		if len(replacement) > 0 {
			matches := re.FindAllStringIndex(text, limit/len(replacement)+1)
			size += float64(len(matches)) * float64(len(replacement))
		}
		return size
	}
}

// rangeCost returns the cost of a list of numbers.
func rangeCost(start, stop, step float64) float64 {
	const number, most = 16, 1 << 62
	switch {
	case step == 0 || (stop-start)*step < 0:
		return 0
	case math.Abs(stop)+math.Abs(step) > most:
		return math.Inf(1) // the sum overflows, so that it never ends
	}
	return number * (stop - start) / step
}

func seqCost(a operands, _ int) float64 {
	switch len(a) {
	case 1:
		return math.Abs(rangeCost(1, a.number(0), math.Copysign(1, a.number(0)-1)))
	case 2:
		return rangeCost(a.number(0), a.number(1), math.Copysign(1, a.number(1)-a.number(0)))
	case 3:
		return rangeCost(a.number(0), a.number(2), a.number(1))
	}
	return 0
}

// wrapCost returns the cost of lines of a width with a separator between them.
func wrapCost(width float64, separator int, text string) float64 {
	return float64(len(text)) * (1 + float64(separator)/max(width, 1))
}
