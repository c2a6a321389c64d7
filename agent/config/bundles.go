// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config

import "strconv"

func (b *Bundle) title() string { return "bundle " + strconv.Quote(b.Name) }

func (v validator) checkBundles() {
	names, directories := map[string]Pos{}, map[string]*Bundle{}
	for i := range v.bundles {
		b := &v.bundles[i]
		if earlier, seen := names[b.Name]; seen && b.Name != "" {
			v.problem(ValidateError, b.Pos, b.title(), "", "there is such a bundle already, at "+earlier.String(), "choose another name")
		}
		names[b.Name] = b.Pos
		if other, seen := directories[absolute(b.Directory)]; seen && b.Directory != "" {
			v.problem(ValidateError, b.Pos, b.title(), "directory", "is that of "+other.title()+", too",
				"give each bundle its own, or make one bundle of the two")
		}
		if b.Directory != "" {
			directories[absolute(b.Directory)] = b
		}
	}
}
