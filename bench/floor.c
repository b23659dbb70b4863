/*
 * The floor: what the kernel takes at the least for one container. It sends the netlink messages that an ADD or a DEL
 * sends, on a node whose bridge and nftables set are there, and does nothing else: no configuration, no IPAM, no checks.
 *
 *   floor ADD NETNS BRIDGE VETH ADDRESS PREFIX GATEWAY TABLE SET
 *   floor DEL NETNS BRIDGE VETH ADDRESS PREFIX GATEWAY TABLE SET
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static char buffer[8192];
static size_t used;
static unsigned sequence = 1;

static void fail(const char *what) {
	fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void *reserve(size_t size) {
	void *at = buffer + used;
	memset(at, 0, NLMSG_ALIGN(size));
	used += NLMSG_ALIGN(size);
	return at;
}

static struct nlmsghdr *message(int type, int flags) {
	struct nlmsghdr *header = reserve(sizeof *header);
	header->nlmsg_type = type;
	header->nlmsg_flags = NLM_F_REQUEST | flags;
	header->nlmsg_seq = sequence++;
	return header;
}

static void finish(struct nlmsghdr *header) {
	header->nlmsg_len = buffer + used - (char *)header;
}

static struct nlattr *attribute(int type, const void *value, size_t size) {
	struct nlattr *attr = reserve(NLA_HDRLEN + size);
	attr->nla_type = type;
	attr->nla_len = NLA_HDRLEN + size;
	if (value) memcpy((char *)attr + NLA_HDRLEN, value, size);
	return attr;
}

static struct nlattr *text(int type, const char *value) {
	return attribute(type, value, strlen(value) + 1);
}

static void close_nest(struct nlattr *nest) {
	nest->nla_len = buffer + used - (char *)nest;
}

static struct ifinfomsg *link_header(unsigned flags) {
	struct ifinfomsg *info = reserve(sizeof *info);
	info->ifi_flags = info->ifi_change = flags;
	return info;
}

static int open_socket(int protocol) {
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
	if (fd < 0) fail("socket");
	return fd;
}

/* Sends what has been written and waits for so many acknowledgements. */
static void exchange(int fd, int acknowledgements, const char *what) {
	char reply[32768];
	if (send(fd, buffer, used, 0) < 0) fail(what);
	used = 0;
	while (acknowledgements > 0) {
		ssize_t length = recv(fd, reply, sizeof reply, 0);
		if (length < 0) fail(what);
		for (struct nlmsghdr *h = (void *)reply; NLMSG_OK(h, length); h = NLMSG_NEXT(h, length)) {
			if (h->nlmsg_type != NLMSG_ERROR) continue;
			errno = -((struct nlmsgerr *)NLMSG_DATA(h))->error;
			if (errno) fail(what);
			acknowledgements--;
		}
	}
}

static void create_veth(int fd, int netns, const char *bridge, const char *veth) {
	unsigned master = if_nametoindex(bridge);
	struct nlmsghdr *header = message(RTM_NEWLINK, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL);
	link_header(IFF_UP);
	text(IFLA_IFNAME, veth);
	attribute(IFLA_MASTER, &master, sizeof master);
	struct nlattr *info = attribute(IFLA_LINKINFO | NLA_F_NESTED, NULL, 0);
	text(IFLA_INFO_KIND, "veth");
	struct nlattr *data = attribute(IFLA_INFO_DATA | NLA_F_NESTED, NULL, 0);
	struct nlattr *peer = attribute(VETH_INFO_PEER | NLA_F_NESTED, NULL, 0);
	link_header(0);
	text(IFLA_IFNAME, "eth0");
	attribute(IFLA_NET_NS_FD, &netns, sizeof netns);
	close_nest(peer);
	close_nest(data);
	close_nest(info);
	finish(header);
	exchange(fd, 1, "create the veth pair");
}

static void label(int fd, const char *veth) {
	struct nlmsghdr *header = message(RTM_SETLINK, NLM_F_ACK);
	unsigned char mode = IN6_ADDR_GEN_MODE_NONE;
	link_header(0);
	text(IFLA_IFNAME, veth);
	text(IFLA_IFALIAS, "floor");
	finish(header);
	header = message(RTM_SETLINK, NLM_F_ACK);
	link_header(0);
	text(IFLA_IFNAME, veth);
	struct nlattr *families = attribute(IFLA_AF_SPEC | NLA_F_NESTED, NULL, 0);
	struct nlattr *family = attribute(AF_INET6 | NLA_F_NESTED, NULL, 0);
	attribute(IFLA_INET6_ADDR_GEN_MODE, &mode, sizeof mode);
	close_nest(family);
	close_nest(families);
	finish(header);
	header = message(RTM_GETLINK, NLM_F_ACK);
	link_header(0);
	text(IFLA_IFNAME, veth);
	finish(header);
	exchange(fd, 3, "label the veth");
}

static void set_up(const char *name, unsigned index) {
	struct nlmsghdr *header = message(RTM_SETLINK, NLM_F_ACK);
	struct ifinfomsg *info = link_header(IFF_UP);
	info->ifi_index = index;
	if (!index) text(IFLA_IFNAME, name);
	finish(header);
}

static void configure(int fd, unsigned index, struct in_addr address, int prefix, struct in_addr gateway) {
	set_up("lo", 0);
	struct nlmsghdr *header = message(RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL);
	struct ifaddrmsg *addr = reserve(sizeof *addr);
	addr->ifa_family = AF_INET;
	addr->ifa_prefixlen = prefix;
	addr->ifa_index = index;
	attribute(IFA_LOCAL, &address, sizeof address);
	attribute(IFA_ADDRESS, &address, sizeof address);
	finish(header);
	set_up("eth0", index);
	header = message(RTM_NEWROUTE, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL);
	struct rtmsg *route = reserve(sizeof *route);
	route->rtm_family = AF_INET;
	route->rtm_table = RT_TABLE_MAIN;
	route->rtm_protocol = RTPROT_BOOT;
	route->rtm_type = RTN_UNICAST;
	attribute(RTA_GATEWAY, &gateway, sizeof gateway);
	attribute(RTA_OIF, &index, sizeof index);
	finish(header);
	exchange(fd, 4, "configure the interface");
}

static void batch_end(int type) {
	struct nlmsghdr *header = message(type, 0);
	struct nfgenmsg *family = reserve(sizeof *family);
	family->res_id = htons(NFNL_SUBSYS_NFTABLES);
	finish(header);
}

static void element(int fd, int type, int flags, const char *table, const char *set, struct in_addr address) {
	batch_end(NFNL_MSG_BATCH_BEGIN);
	struct nlmsghdr *header = message(NFNL_SUBSYS_NFTABLES << 8 | type, NLM_F_ACK | flags);
	struct nfgenmsg *family = reserve(sizeof *family);
	family->nfgen_family = NFPROTO_INET;
	text(NFTA_SET_ELEM_LIST_TABLE, table);
	text(NFTA_SET_ELEM_LIST_SET, set);
	struct nlattr *list = attribute(NFTA_SET_ELEM_LIST_ELEMENTS | NLA_F_NESTED, NULL, 0);
	struct nlattr *one = attribute(NFTA_LIST_ELEM | NLA_F_NESTED, NULL, 0);
	struct nlattr *key = attribute(NFTA_SET_ELEM_KEY | NLA_F_NESTED, NULL, 0);
	attribute(NFTA_DATA_VALUE, &address, sizeof address);
	close_nest(key);
	close_nest(one);
	close_nest(list);
	finish(header);
	batch_end(NFNL_MSG_BATCH_END);
	exchange(fd, 1, "change the set");
}

static void add(char **arg, struct in_addr address, struct in_addr gateway) {
	int node = open_socket(NETLINK_ROUTE);
	int own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	int netns = open(arg[2], O_RDONLY | O_CLOEXEC);
	if (netns < 0 || own < 0) fail(arg[2]);
	if (setns(netns, CLONE_NEWNET)) fail("setns");
	int inside = open_socket(NETLINK_ROUTE);
	if (setns(own, CLONE_NEWNET)) fail("setns");
	create_veth(node, netns, arg[3], arg[4]);
	label(node, arg[4]);
	if (setns(netns, CLONE_NEWNET)) fail("setns");
	unsigned index = if_nametoindex("eth0");
	if (setns(own, CLONE_NEWNET)) fail("setns");
	configure(inside, index, address, atoi(arg[6]), gateway);
	element(open_socket(NETLINK_NETFILTER), NFT_MSG_NEWSETELEM, NLM_F_CREATE, arg[8], arg[9], address);
}

static void del(char **arg, struct in_addr address) {
	element(open_socket(NETLINK_NETFILTER), NFT_MSG_DELSETELEM, 0, arg[8], arg[9], address);
	struct nlmsghdr *header = message(RTM_DELLINK, NLM_F_ACK);
	link_header(0);
	text(IFLA_IFNAME, arg[4]);
	finish(header);
	exchange(open_socket(NETLINK_ROUTE), 1, "delete the veth");
}

int main(int count, char **arg) {
	struct in_addr address, gateway;
	if (count != 10 || !inet_aton(arg[5], &address) || !inet_aton(arg[7], &gateway)) {
		fprintf(stderr, "floor: wrong arguments\n");
		return 2;
	}
	if (strcmp(arg[1], "ADD") == 0) add(arg, address, gateway);
	else del(arg, address);
	return 0;
}
