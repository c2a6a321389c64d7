// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package agent

// group partitions members into bundles: members that share a request, directly
// or by way of others, belong together. Bundles and their members keep the
// order of the configuration.
func group[R comparable](requests [][]R) [][]int {
	parent := make([]int, len(requests))
	for i := range parent {
		parent[i] = i
	}
	root := func(i int) int {
		for parent[i] != i {
			parent[i] = parent[parent[i]]
			i = parent[i]
		}
		return i
	}
	first := make(map[R]int)
	for i, asked := range requests {
		for _, request := range asked {
			other, known := first[request]
			if !known {
				first[request] = i
				continue
			}
			// The smaller index is the root, which keeps the order.
			a, b := root(i), root(other)
			parent[max(a, b)] = min(a, b)
		}
	}
	var bundles [][]int
	at := make(map[int]int)
	for i := range requests {
		r := root(i)
		if _, known := at[r]; !known {
			at[r] = len(bundles)
			bundles = append(bundles, nil)
		}
		bundles[at[r]] = append(bundles[at[r]], i)
	}
	return bundles
}
