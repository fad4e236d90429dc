#pragma once

// Lines for somebody else: a file that they rotate, or a Unix stream socket that they listen on. Never waits for them.

#include <cstdint>
#include <string>

#include "model/result.hpp"
#include "store/folder.hpp"

namespace proxip::store {

class LineSink {
  public:
    // "": none. A socket is told by what is there now; what is not there becomes a file, mode 0640.
    void follow(const std::string& path);
    // After the file was renamed away, or the listener came back.
    void reopen();
    // Notices by itself what reopen() is for; for now and then.
    void tick();
    void write(const std::string& lines, std::uint64_t count);

    [[nodiscard]] bool wanted() const { return !path_.empty(); }
    [[nodiscard]] std::uint64_t lost() const { return lost_; }            // lines
    [[nodiscard]] const std::string& trouble() const { return trouble_; } // "": none

  private:
    [[nodiscard]] Result<Descriptor> open() const;
    void fall_out(const std::string& why, std::uint64_t lines);

    std::string path_;
    Descriptor out_;
    bool is_socket_ = false;
    std::string rest_; // of a line that a socket took half of
    std::uint64_t lost_ = 0;
    std::string trouble_;
};

} // namespace proxip::store
