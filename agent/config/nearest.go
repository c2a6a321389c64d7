// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"slices"
	"strconv"

	"github.com/certagent/certagent/nearest"
)

// didYouMean returns a hint that names the known name nearest to an unknown one,
// or "" if none is near.
func didYouMean(name string, known []string) string {
	if name := nearestName(name, known); name != "" {
		return "did you mean " + strconv.Quote(name) + "?"
	}
	return ""
}

// nearestName returns the known name that is most like name, or "" if more than about
// a third of the letters differ.
func nearestName(name string, known []string) string {
	most := len(name) / 3
	if len(name) > 6 {
		most++
	}
	return nearest.Name(name, slices.Values(known), most)
}
