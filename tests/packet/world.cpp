#include "packet/world.hpp"

#include <cerrno>
#include <cstdlib>
#include <string>
#include <system_error>

#include <fmt/format.h>
#include <net/if.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

namespace proxip::packet {

bool leave_the_host() {
    return ::geteuid() == 0 && ::unshare(CLONE_NEWNET | CLONE_NEWNS) == 0 &&
           ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
}

std::uint32_t make_interface(const char* name) {
    const auto command = fmt::format(
        "ip link add {0} type veth peer name {0}-peer && ip link set {0} up && ip link set {0}-peer up", name);
    if (::if_nametoindex(name) == 0 && std::system(command.c_str()) != 0) {
        throw std::runtime_error("cannot make an interface: " + command);
    }
    return ::if_nametoindex(name);
}

BpfFolder::BpfFolder() {
    std::string path = (std::filesystem::temp_directory_path() / "proxip-bpffs-XXXXXX").string();
    if (::mkdtemp(path.data()) == nullptr || ::mount("bpf", path.c_str(), "bpf", 0, nullptr) != 0) {
        throw std::system_error(errno, std::generic_category(), "cannot mount a bpffs on " + path);
    }
    path_ = path;
}

BpfFolder::~BpfFolder() {
    (void)::umount2(path_.c_str(), MNT_DETACH);
    (void)::rmdir(path_.c_str());
}

} // namespace proxip::packet
