#pragma once

// A request to the kernel over rtnetlink, and its answers (libnl-3). Only for this room.

#include <functional>
#include <memory>
#include <string_view>

#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>

#include "model/result.hpp"

namespace proxip::net {

struct FreeMessage {
    void operator()(nl_msg* message) const { nlmsg_free(message); }
};
struct FreeSocket {
    void operator()(nl_sock* socket) const { nl_socket_free(socket); }
};
using Message = std::unique_ptr<nl_msg, FreeMessage>;
using Socket = std::unique_ptr<nl_sock, FreeSocket>;

// A message of `type` that starts with `body` (ifinfomsg, rtmsg, ndmsg, ...).
template <typename Body>
[[nodiscard]] Message make_message(int type, int flags, Body body) {
    Message message(nlmsg_alloc());
    if (message && nlmsg_put(message.get(), NL_AUTO_PORT, NL_AUTO_SEQ, type, 0, flags) != nullptr) {
        nlmsg_append(message.get(), &body, sizeof(body), NLMSG_ALIGNTO);
    }
    return message;
}

class Channel {
  public:
    using Each = std::function<void(nlmsghdr&)>;

    [[nodiscard]] static Result<Channel> open();

    // 0, or the errno that the kernel answered with. A dump that changed under way is asked again; `restart` is called
    // before each time.
    [[nodiscard]] int ask(nl_msg& message, const Each& each, const std::function<void()>& restart = {});

  private:
    explicit Channel(Socket socket) : socket_(std::move(socket)) {}
    [[nodiscard]] int ask_once(nl_msg& message, const Each& each, bool& interrupted);

    Socket socket_;
};

} // namespace proxip::net
