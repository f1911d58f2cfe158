package egress

import (
	"net/netip"
	"slices"
)

// addressPolicy says which addresses a name may resolve to. An address that is itself listed is asked nothing.
type addressPolicy struct {
	// apiServer are the addresses of the API server, which nobody's helpdesk is.
	apiServer []netip.Addr
	// cluster are the ranges of pods and services.
	cluster []netip.Prefix
}

var (
	// reserved are ranges that no host on a network has; 0.0.0.0/8 reaches the machine itself.
	reserved = []netip.Prefix{
		netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("240.0.0.0/4"),
		netip.MustParsePrefix("fec0::/10"), netip.MustParsePrefix("100::/64"),
	}
	// metadata are the addresses where clouds hand credentials to machines, and which are not link-local.
	metadata = []netip.Addr{netip.MustParseAddr("fd00:ec2::254"), netip.MustParseAddr("100.100.100.200"), netip.MustParseAddr("168.63.129.16")}
)

// refusal returns why a name may not resolve to an address, or nothing. A name in the cluster is a Service's.
func (p addressPolicy) refusal(addr netip.Addr, isClusterName bool) string {
	if addr.Zone() != "" {
		return "it has a zone"
	}
	for _, each := range append(embeddedIPv4(addr), addr.Unmap()) {
		switch {
		case each.IsLoopback():
			return "it is a loopback address"
		case each.IsUnspecified():
			return "it is the unspecified address"
		case each.IsLinkLocalUnicast():
			return "it is a link-local address"
		case each.IsMulticast():
			return "it is a multicast address"
		case isWithin(reserved, each):
			return "it is a reserved address"
		case slices.Contains(metadata, each):
			return "it is a cloud's metadata service"
		case slices.ContainsFunc(p.apiServer, func(a netip.Addr) bool { return a.Unmap() == each }):
			return "it is the API server's address"
		case !isClusterName && isWithin(p.cluster, each):
			return "it is in the cluster (--cluster-cidrs), and the name does not end in .svc"
		}
	}
	return ""
}

func isWithin(prefixes []netip.Prefix, addr netip.Addr) bool {
	return slices.ContainsFunc(prefixes, func(p netip.Prefix) bool { return p.Contains(addr) })
}

var (
	nat64      = netip.MustParsePrefix("64:ff9b::/96")   // RFC 6052
	nat64Local = netip.MustParsePrefix("64:ff9b:1::/48") // RFC 8215; read as if it had a /96
	compatible = netip.MustParsePrefix("::/96")          // RFC 4291, 2.5.5.1
	sixToFour  = netip.MustParsePrefix("2002::/16")      // RFC 3056
	teredo     = netip.MustParsePrefix("2001::/32")      // RFC 4380
)

// embeddedIPv4 returns the IPv4 addresses that a packet to an IPv6 address may end at, other than a mapped one.
func embeddedIPv4(addr netip.Addr) []netip.Addr {
	if !addr.Is6() || addr.Is4In6() {
		return nil
	}
	b := addr.As16()
	last := netip.AddrFrom4([4]byte(b[12:16]))
	switch {
	case nat64.Contains(addr), nat64Local.Contains(addr), compatible.Contains(addr) && last != netip.AddrFrom4([4]byte{}) && addr != netip.IPv6Loopback():
		return []netip.Addr{last}
	case sixToFour.Contains(addr):
		return []netip.Addr{netip.AddrFrom4([4]byte(b[2:6]))}
	case teredo.Contains(addr):
		return []netip.Addr{netip.AddrFrom4([4]byte{^b[12], ^b[13], ^b[14], ^b[15]})}
	case b[8]&^2 == 0 && b[9] == 0 && b[10] == 0x5e && b[11] == 0xfe: // ISATAP, RFC 5214
		return []netip.Addr{last}
	}
	return nil
}
