// The original page, as it was published; the website puts the value of IPLOCATION in front.
// Written anew is only what was left out there: the name of the QR interface, and the call of the login interface.
var 接口 = '/qrcode?';

var vm = new Vue({
  el: '#app',
  data () {
    return {
      wechatUrl: '',
      websocket: null,
      openId: '',
      user: ''
    };
  },
  beforeMount () {
    var that = this;
    var unicode;
    var websocket = null;
    var transports = [];
    var url = `${IPLOCATION}/sockjs`;
    websocket = new SockJS(url, undefined, {
      transports: transports
    });
    websocket.onopen = function () {
      console.log('that.websocket: connection is opened');
    };
    websocket.onclose = function () {
      console.log('that.websocket: connection is closed');
    };
    websocket.onheartbeat = function () {
      console.log('that.websocket: connection heartbeat...');
    };
    websocket.onmessage = function (e) {
      if (e.data.indexOf("AUTOMATIC_LOGIN") != -1) {
        websocket.onclose();
        that.toLogin(e);
      } else {
        console.log('websocket:', e.data);
      }
    };
    that.websocket = websocket;
  },
  mounted () {
    var that = this;
    that.unicode = Math.round(Math.random() * 100000000) + "1";
    $.get(IPLOCATION + `${接口}sceneId=${that.unicode}`, null, function (url) {
      that.wechatUrl = url;
    });
    setTimeout(function () { that.websocket.send(that.unicode); }, 2000);
  },
  methods: {
    // 扫码登录
    toLogin (e) {
      var that = this;
      that.openId = e.data.split("####")[1];
      var sceneId = 911; // 登录系统默认场景值
      // 关闭二维码
      that.wechatUrl = '';
      // 通过ajax访问后台登录接口认证并登录
      $.post('/login', { openId: that.openId, sceneId: sceneId }, function (user) {
        that.user = user;
      });
    }
  }
});
